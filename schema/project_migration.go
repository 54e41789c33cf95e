package schema

import (
	"slices"

	"ariga.io/atlas/schemahcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"tenantry/internal/diag"
)

// migrationSpec is the block migration of an env, as Atlas has it; history and
// placeholders are Tenantry's own.
type migrationSpec struct {
	Dir          string               `spec:"dir"`
	Format       string               `spec:"format"`
	ExecOrder    string               `spec:"exec_order"`
	Baseline     string               `spec:"baseline"`
	History      string               `spec:"history"`
	Table        string               `spec:"table"`
	Placeholders map[string]cty.Value `spec:"placeholders"`
	schemahcl.DefaultExtension
}

var (
	orders    = []Order{OrderLinear, OrderLinearSkip, OrderNonLinear}
	histories = []History{HistoryTenantry, HistoryFlyway}
)

// migrationWords are the words that may stand in the block without quotes.
func migrationWords() []schemahcl.Option {
	return []schemahcl.Option{
		schemahcl.WithScopedEnums("env.migration.format", Formats...),
		schemahcl.WithScopedEnums("env.migration.exec_order", orders...),
		schemahcl.WithScopedEnums("env.migration.history", histories...),
	}
}

func checkMigration(diags *diag.List, env string, b *hclsyntax.Block) {
	allow(diags, "migration of env "+env, b.Body, []string{"dir", "format", "exec_order", "baseline", "history", "table", "placeholders"}, nil)
	if _, ok := b.Body.Attributes["dir"]; !ok {
		diags.Errorf(posOf(b.DefRange()), "missing-dir", "the migration block of env %q has no dir", env)
		diags.Hintf(`say where its files are: dir = "file://migrations/%s"`, env)
	}
}

// readMigrations reads the migration block of an env, and its directory.
func (e *envSpec) readMigrations(diags *diag.List, s *Service, dir string, block *hclsyntax.Block) {
	spec := e.Migration
	if spec == nil {
		return
	}
	var b *hclsyntax.Block
	for _, inner := range block.Body.Blocks {
		if inner.Type == "migration" {
			b = inner
		}
	}
	d := &Directory{
		Service: e.Name, Format: oneOf(diags, b, "format", spec.Format, Formats), Order: oneOf(diags, b, "exec_order", spec.ExecOrder, orders),
		History: oneOf(diags, b, "history", spec.History, histories), Baseline: spec.Baseline, Placeholders: make(map[string]string), Table: spec.Table,
		Pos: posOf(b.DefRange()),
	}
	for name, v := range spec.Placeholders {
		text, err := convert.Convert(v, cty.String)
		if err != nil || text.IsNull() {
			diags.Errorf(posOf(b.Body.Attributes["placeholders"].Range()), "invalid-placeholder", "the placeholder %q has no value that is a text", name)
			continue
		}
		d.Placeholders[name] = text.AsString()
	}
	if d.Table == "" {
		d.Table = "flyway_schema_history"
	}
	if d.History == HistoryFlyway && d.Format != FormatFlyway {
		diags.Errorf(d.Pos, "flyway-history", "history = flyway goes with format = flyway")
	}
	if d.Table != "flyway_schema_history" {
		diags.Errorf(d.Pos, "flyway-table", "Flyway's table must be flyway_schema_history: under another name it would be taken for a part of the schema")
	}
	var ok bool
	if d.Path, ok = sourcePath(dir, spec.Dir); !ok {
		diags.Errorf(posOf(b.Body.Attributes["dir"].Range()), "unsupported-dir", "dir %q is not a file:// URL", spec.Dir)
		return
	}
	d.read(diags)
	s.Migrations = d
	s.Paths = append(s.Paths, d.Path)
	s.Paths = append(s.Paths, d.folders...)
	slices.Sort(s.Paths)
	s.Paths = slices.Compact(s.Paths)
}

// oneOf returns the word, or the first of those known where none is given.
func oneOf[T ~string](diags *diag.List, b *hclsyntax.Block, attr, word string, known []T) T {
	if word == "" {
		return known[0]
	}
	if !slices.Contains(known, T(word)) {
		var words []string
		for _, k := range known {
			words = append(words, string(k))
		}
		diags.Errorf(posOf(b.Body.Attributes[attr].Range()), "unsupported-"+attr, "%s %q is not one that Tenantry knows", attr, word)
		suggest(diags, word, words)
	}
	return T(word)
}
