package schema

import (
	"slices"
	"strings"
)

// The residue is what still differs after the engine's plan has run: what the
// engine cannot express, or does not see. Since every line is a definition in
// PostgreSQL's own words, most of it has a plain statement.
//
// The same planner, from nothing to the lines of a live schema, builds a copy
// of that schema on the workbench; and from some lines to nothing, it clears
// them out of the engine's way.

// A remedy is one thing to do, in the ways that are to be tried for it: the
// first that works is taken.
type remedy struct{ ways []string }

// statement returns the statement that the remedy has turned out to be.
func (r remedy) statement(sql string) Statement {
	return Statement{SQL: sql, Comment: "what Atlas does not see", Transactional: true}
}

// residue returns remedies that lead from the lines have to the lines want of
// the schema of that name. They never drop a column, unless it is generated, or a
// type in use. A table they do drop, with its hazard: the engine does not see
// partitions. The order is a good guess: runUntilStuck finds the one that works.
func residue(schema string, have, want []Line) []remedy {
	return residueInOrder(schema, have, want, nil)
}

// residueInOrder is residue with new tables' columns in the order that is given
// for them, by table.
func residueInOrder(schema string, have, want []Line, order map[string][]string) []remedy {
	r := newResiduePlan(schema, Differences(have, want))
	for table, columns := range r.missing {
		slices.SortStableFunc(columns, func(a, b Difference) int {
			return slices.Index(order[table], a.Name) - slices.Index(order[table], b.Name)
		})
	}
	var drops, creates []remedy
	var keyDrops, keys []remedy // foreign keys: dropped before, and made after, the keys that they refer to
	for _, kind := range creationOrder {
		for _, d := range r.byKind[kind] {
			if r.withTable(d) {
				continue
			}
			drop, create := r.remedies(d)
			if kind == KindConstraint && strings.HasPrefix(d.Have+d.Want, "FOREIGN KEY") {
				keyDrops, keys = append(keyDrops, drop...), append(keys, create...)
				continue
			}
			drops = append(drop, drops...)
			creates = append(creates, create...)
		}
		if kind == KindIndex {
			creates = append(creates, keys...)
		}
	}
	return slices.Concat(keyDrops, drops, creates)
}

type residuePlan struct {
	schema    string // quoted
	byKind    map[Kind][]Difference
	missing   map[string][]Difference // the missing tables, with their columns
	unwelcome map[string]bool         // the unexpected tables
}

func newResiduePlan(schema string, differences []Difference) residuePlan {
	r := residuePlan{
		schema: QuoteIdent(schema), byKind: make(map[Kind][]Difference),
		missing: make(map[string][]Difference), unwelcome: make(map[string]bool),
	}
	for _, d := range differences {
		r.byKind[d.Kind] = append(r.byKind[d.Kind], d)
	}
	for _, d := range r.byKind[KindTable] {
		switch {
		case d.Missing:
			r.missing[d.Name] = nil
		case d.Unexpected:
			r.unwelcome[d.Name] = true
		}
	}
	for _, d := range r.byKind[KindColumn] {
		if columns, ok := r.missing[d.Table]; ok {
			r.missing[d.Table] = append(columns, d)
		}
	}
	return r
}

// name qualifies a name, so that nothing of another schema is ever meant.
func (r residuePlan) name(ident string) string { return r.schema + "." + QuoteIdent(ident) }

// alter begins a statement that alters a table.
func (r residuePlan) alter(table string) string { return "ALTER TABLE " + r.name(table) + " " }

// withTable reports whether the difference comes and goes with its table.
func (r residuePlan) withTable(d Difference) bool {
	if d.Missing {
		return d.Kind == KindColumn && r.tableMissing(d.Table)
	}
	return r.unwelcome[d.Table]
}

func (r residuePlan) tableMissing(name string) bool {
	_, missing := r.missing[name]
	return missing
}

// remedies returns what undoes the line that is there and what makes the one
// that should be. Both are empty where there is no plain statement.
func (r residuePlan) remedies(d Difference) (drop, create []remedy) {
	drops, creates := r.statements(d)
	for _, sql := range drops {
		drop = append(drop, remedy{ways: []string{sql}})
	}
	for _, ways := range creates {
		create = append(create, remedy{ways: ways})
	}
	return drop, create
}

// statements returns the drops, and for each creation the ways to try.
func (r residuePlan) statements(d Difference) (drop []string, create [][]string) {
	switch d.Kind {
	case KindEnum, KindDomain, KindComposite, KindRange, KindDomainConstraint:
		return r.typeStatements(d)
	case KindSequence, KindOwnedSequence, KindTable, KindColumn, KindColumnOptions, KindNotNull, KindDefault, KindIdentity:
		return r.tableStatements(d)
	case KindConstraint:
		alter, name := r.alter(d.Table), QuoteIdent(d.Name)
		if d.Have == d.Want+" NOT VALID" {
			return nil, each(alter + "VALIDATE CONSTRAINT " + name)
		}
		return replaced(d, alter+"DROP CONSTRAINT "+name, alter+"ADD CONSTRAINT "+name+" "+d.Want)
	case KindIndex, KindMaterializedViewIndex:
		unique, using := "", strings.TrimSuffix(d.Want, " INVALID") // which no statement makes
		if rest, ok := strings.CutPrefix(using, "UNIQUE "); ok {
			unique, using = "UNIQUE ", rest
		}
		return replaced(d, "DROP INDEX "+r.name(d.Name), "CREATE "+unique+"INDEX "+QuoteIdent(d.Name)+" ON "+r.name(d.Table)+" "+using)
	case KindReplicaIdentity:
		return replaced(d, r.alter(d.Name)+"REPLICA IDENTITY DEFAULT", r.alter(d.Name)+"REPLICA IDENTITY "+d.Want)
	case KindCluster:
		return replaced(d, r.alter(d.Name)+"SET WITHOUT CLUSTER", r.alter(d.Name)+"CLUSTER ON "+d.Want)
	case KindComment, KindObjectComment:
		subject := "COMMENT ON " + d.Name
		if d.Name == "SCHEMA" {
			subject += " " + r.schema
		}
		if d.Unexpected {
			return nil, each(subject + " IS NULL")
		}
		return nil, each(subject + " IS " + d.Want)
	}
	return r.objectStatements(d)
}

// each makes statements of which every one is to run.
func each(statements ...string) [][]string {
	var out [][]string
	for _, s := range statements {
		out = append(out, []string{s})
	}
	return out
}

// replaced drops the line that is there, if one is, and creates the one that
// should be, if one should.
func replaced(d Difference, drop string, create ...string) ([]string, [][]string) {
	switch {
	case d.Missing:
		return nil, each(create...)
	case d.Unexpected:
		return []string{drop}, nil
	}
	return []string{drop}, each(create...)
}

// planned reports whether the residue planner knows the kind.
func planned(k Kind) bool { return slices.Contains(creationOrder, k) }
