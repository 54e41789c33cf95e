package schema

import (
	"maps"
	"slices"
	"strings"

	"ariga.io/atlas/schemahcl"
	atlas "ariga.io/atlas/sql/schema"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"tenantry/internal/diag"
)

// DiffPolicy is the diff block of atlas.hcl. It means what it means to Atlas:
// https://atlasgo.io/declarative/apply#diff-policy.
type DiffPolicy struct {
	Skip            []string // changes that are never planned, as "drop_table"; sorted
	CreateIndexLive bool     // build indexes of existing tables with CONCURRENTLY
	DropIndexLive   bool     // drop them with CONCURRENTLY
}

// LintPolicy is the lint block of atlas.hcl: https://atlasgo.io/lint/analyzers.
type LintPolicy struct {
	// Deny lists the hazards of blocks with error = true, sorted: no policy and no
	// flag lets a statement run that has one.
	Deny []HazardCode
}

// lintBlocks names Atlas's analysers, and the hazards that they are about.
var lintBlocks = map[string]HazardCode{
	"destructive": HazardDestructive, "data_depend": HazardDataDependent, "condrop": HazardDropsConstraint, "incompatible": HazardIncompatible,
}

// LintBlock returns the name of the lint block that is about a hazard.
func LintBlock(code HazardCode) string {
	for name, c := range lintBlocks {
		if c == code {
			return name
		}
	}
	return ""
}

// merge returns what either denies.
func (p LintPolicy) merge(q LintPolicy) LintPolicy {
	deny := slices.Concat(p.Deny, q.Deny)
	slices.Sort(deny)
	return LintPolicy{Deny: slices.Compact(deny)}
}

// skippable names each change that a skip block may hold.
var skippable = map[string]atlas.Change{
	"add_schema": &atlas.AddSchema{}, "modify_schema": &atlas.ModifySchema{}, "drop_schema": &atlas.DropSchema{},
	"add_table": &atlas.AddTable{}, "modify_table": &atlas.ModifyTable{}, "drop_table": &atlas.DropTable{},
	"add_column": &atlas.AddColumn{}, "modify_column": &atlas.ModifyColumn{}, "drop_column": &atlas.DropColumn{},
	"add_index": &atlas.AddIndex{}, "modify_index": &atlas.ModifyIndex{}, "drop_index": &atlas.DropIndex{},
	"add_foreign_key": &atlas.AddForeignKey{}, "modify_foreign_key": &atlas.ModifyForeignKey{}, "drop_foreign_key": &atlas.DropForeignKey{},
}

func checkDiff(diags *diag.List, b *hclsyntax.Block) {
	allow(diags, "a diff policy", b.Body, nil, []string{"skip", "concurrent_index"})
	for _, b := range b.Body.Blocks {
		switch b.Type {
		case "skip":
			allow(diags, "skip", b.Body, slices.Sorted(maps.Keys(skippable)), nil)
		case "concurrent_index":
			allow(diags, "concurrent_index", b.Body, []string{"create", "drop"}, nil)
		}
	}
}

func checkLint(diags *diag.List, b *hclsyntax.Block) {
	allow(diags, "a lint policy", b.Body, nil, slices.Sorted(maps.Keys(lintBlocks)))
	for _, b := range b.Body.Blocks {
		allow(diags, b.Type, b.Body, []string{"error"}, nil)
	}
}

// diffSpec and lintSpec are what schemahcl decodes the blocks into.
type diffSpec struct {
	Skip *struct {
		schemahcl.DefaultExtension
	} `spec:"skip"`
	ConcurrentIndex *struct {
		Create bool `spec:"create"`
		Drop   bool `spec:"drop"`
	} `spec:"concurrent_index"`
}

type lintSpec struct {
	Destructive  *lintBlock `spec:"destructive"`
	DataDepend   *lintBlock `spec:"data_depend"`
	ConDrop      *lintBlock `spec:"condrop"`
	Incompatible *lintBlock `spec:"incompatible"`
}

type lintBlock struct {
	Error bool `spec:"error"`
}

func (s *diffSpec) policy() DiffPolicy {
	var p DiffPolicy
	if s.Skip != nil {
		for _, a := range s.Skip.Extra.Attrs {
			if skip, err := a.Bool(); err == nil && skip {
				p.Skip = append(p.Skip, a.K)
			}
		}
		slices.Sort(p.Skip)
	}
	if s.ConcurrentIndex != nil {
		p.CreateIndexLive, p.DropIndexLive = s.ConcurrentIndex.Create, s.ConcurrentIndex.Drop
	}
	return p
}

func (s *lintSpec) policy() LintPolicy {
	var p LintPolicy
	for name, block := range map[string]*lintBlock{"destructive": s.Destructive, "data_depend": s.DataDepend, "condrop": s.ConDrop, "incompatible": s.Incompatible} {
		if block != nil && block.Error {
			p.Deny = append(p.Deny, lintBlocks[name])
		}
	}
	slices.Sort(p.Deny)
	return p
}

// merge returns the policy of a blueprint that is made of both: what either
// skips is skipped, what either does concurrently is done so.
func (p DiffPolicy) merge(q DiffPolicy) DiffPolicy {
	skip := slices.Concat(p.Skip, q.Skip)
	slices.Sort(skip)
	return DiffPolicy{
		Skip:            slices.Compact(skip),
		CreateIndexLive: p.CreateIndexLive || q.CreateIndexLive,
		DropIndexLive:   p.DropIndexLive || q.DropIndexLive,
	}
}

// keeps reports whether the policy leaves this difference, one of a schema's,
// as it is. A part of a table that is kept, or not added, goes with its table.
func (p DiffPolicy) keeps(d Difference, of []Difference) bool {
	verb := "modify"
	switch {
	case d.Missing:
		verb = "add"
	case d.Unexpected:
		verb = "drop"
	}
	skips := func(verb, what string) bool { return slices.Contains(p.Skip, verb+"_"+what) }
	inTable := slices.ContainsFunc(of, func(t Difference) bool {
		return t.Kind == KindTable && (t.Name == d.Table || strings.Contains(d.Have+d.Want, "OWNED BY "+bareIdent(t.Name)+".")) &&
			t.Missing == d.Missing && t.Unexpected == d.Unexpected
	})
	switch {
	case (d.Kind == KindTable || inTable) && skips(verb, "table"):
		return true
	case d.Table != "" && skips("modify", "table"):
		return true
	case d.Kind == KindIndex:
		return skips(verb, "index")
	case d.Kind == KindConstraint && strings.HasPrefix(d.Have+d.Want, "FOREIGN KEY"):
		return skips(verb, "foreign_key")
	case d.Kind == KindColumn:
		return skips(verb, "column")
	}
	inColumn := slices.ContainsFunc(of, func(c Difference) bool {
		return c.Kind == KindColumn && c.Table == d.Table && c.Name == d.Name && c.Missing == d.Missing && c.Unexpected == d.Unexpected
	})
	switch d.Kind {
	case KindNotNull, KindDefault, KindIdentity, KindColumnOptions:
		return skips("modify", "column") || inColumn && skips(verb, "column")
	}
	return false
}
