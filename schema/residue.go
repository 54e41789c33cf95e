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
// of that schema on the workbench.

// residue returns statements that lead from the lines have to the lines want
// of the schema of that name. It never drops what holds rows: tables, columns
// and types; those differences stay. The order is a good guess: runUntilStuck
// finds the one that works.
func residue(schema string, have, want []Line) []string {
	r := residuePlan{schema: QuoteIdent(schema), differences: Differences(have, want)}
	var drops, creates []string
	for _, kind := range creationOrder {
		for _, d := range r.differences {
			if d.Kind != kind || r.withTable(d) {
				continue
			}
			drop, create := r.statements(d)
			drops = append(drop, drops...)
			creates = append(creates, create...)
		}
	}
	return append(drops, creates...)
}

type residuePlan struct {
	schema      string // quoted
	differences []Difference
}

// name qualifies a name, so that nothing of another schema is ever meant.
func (r residuePlan) name(ident string) string { return r.schema + "." + QuoteIdent(ident) }

// withTable reports whether the difference comes and goes with its table.
func (r residuePlan) withTable(d Difference) bool {
	if d.Missing {
		return d.Kind == KindColumn && r.missingTable(d.Table)
	}
	return slices.ContainsFunc(r.differences, func(t Difference) bool { return t.Kind == KindTable && t.Unexpected && t.Name == d.Table })
}

func (r residuePlan) missingTable(name string) bool {
	return slices.ContainsFunc(r.differences, func(t Difference) bool { return t.Kind == KindTable && t.Missing && t.Name == name })
}

// statements returns what undoes the line that is there and what makes the one
// that should be. Both are empty where there is no plain statement.
func (r residuePlan) statements(d Difference) (drop, create []string) {
	alter := "ALTER TABLE " + r.name(d.Table) + " "
	column := alter + "ALTER COLUMN " + QuoteIdent(d.Name) + " "
	switch d.Kind {
	case KindEnum:
		return r.onlyCreate(d, "CREATE TYPE "+r.name(d.Name)+" AS ENUM ("+d.Want+")")
	case KindDomain:
		return r.onlyCreate(d, "CREATE DOMAIN "+r.name(d.Name)+" AS "+d.Want)
	case KindComposite:
		return r.onlyCreate(d, "CREATE TYPE "+r.name(d.Name)+" AS "+d.Want)
	case KindRange:
		return r.onlyCreate(d, "CREATE TYPE "+r.name(d.Name)+" AS RANGE ("+d.Want+")")
	case KindDomainConstraint:
		domain := "ALTER DOMAIN " + r.name(d.Table) + " "
		return replaced(d, domain+"DROP CONSTRAINT "+QuoteIdent(d.Name), domain+"ADD CONSTRAINT "+QuoteIdent(d.Name)+" "+d.Want)
	case KindSequence, KindOwnedSequence:
		if !d.Missing && !d.Unexpected {
			return nil, []string{"ALTER SEQUENCE " + r.name(d.Name) + " " + d.Want}
		}
		return replaced(d, "DROP SEQUENCE "+r.name(d.Name), "CREATE SEQUENCE "+r.name(d.Name)+" "+d.Want)
	case KindTable:
		return nil, r.table(d)
	case KindColumn:
		return nil, r.column(d, alter, column)
	case KindColumnOptions:
		return nil, columnOptions(d, column)
	case KindNotNull:
		return r.notNull(d, alter, column)
	case KindDefault:
		if d.Unexpected {
			return []string{column + "DROP DEFAULT"}, nil
		}
		return nil, []string{column + "SET DEFAULT " + d.Want}
	case KindIdentity:
		return r.onlyCreate(d, column+"ADD "+d.Want)
	case KindConstraint:
		return replaced(d, alter+"DROP CONSTRAINT "+QuoteIdent(d.Name), alter+"ADD CONSTRAINT "+QuoteIdent(d.Name)+" "+d.Want)
	case KindIndex, KindMaterializedViewIndex:
		unique, using := "", d.Want
		if rest, ok := strings.CutPrefix(d.Want, "UNIQUE "); ok {
			unique, using = "UNIQUE ", rest
		}
		return replaced(d, "DROP INDEX "+r.name(d.Name), "CREATE "+unique+"INDEX "+QuoteIdent(d.Name)+" ON "+r.name(d.Table)+" "+using)
	case KindReplicaIdentity:
		return replaced(d, "ALTER TABLE "+r.name(d.Name)+" REPLICA IDENTITY DEFAULT", "ALTER TABLE "+r.name(d.Name)+" REPLICA IDENTITY "+d.Want)
	case KindCluster:
		return replaced(d, "ALTER TABLE "+r.name(d.Name)+" SET WITHOUT CLUSTER", "ALTER TABLE "+r.name(d.Name)+" CLUSTER ON "+d.Want)
	case KindComment, KindObjectComment:
		subject := "COMMENT ON " + d.Name
		if d.Name == "SCHEMA" {
			subject += " " + r.schema
		}
		if d.Unexpected {
			return nil, []string{subject + " IS NULL"}
		}
		return nil, []string{subject + " IS " + d.Want}
	}
	return r.object(d)
}

// object plans the kinds that hold no rows.
func (r residuePlan) object(d Difference) (drop, create []string) {
	onTable := " ON " + r.name(d.Table)
	switch d.Kind {
	case KindFunction, KindProcedure:
		word := strings.ToUpper(string(d.Kind))
		if d.Unexpected {
			return []string{"DROP " + word + " " + r.schema + "." + d.Name}, nil
		}
		return nil, []string{"CREATE OR REPLACE " + word + " " + r.schema + "." + d.Want}
	case KindView, KindMaterializedView, KindStatistics:
		word := strings.ToUpper(string(d.Kind))
		return replaced(d, "DROP "+word+" "+r.name(d.Name), "CREATE "+word+" "+r.name(d.Name)+" "+d.Want)
	case KindRule:
		return replaced(d, "DROP RULE "+QuoteIdent(d.Name)+onTable, d.Want)
	case KindTrigger:
		return replaced(d, "DROP TRIGGER "+QuoteIdent(d.Name)+onTable, r.trigger(d)...)
	case KindRowSecurity:
		alter := "ALTER TABLE " + r.name(d.Name) + " "
		force := "NO FORCE"
		if d.Want == "FORCE" {
			force = "FORCE"
		}
		return replaced(d, alter+"DISABLE ROW LEVEL SECURITY", alter+"ENABLE ROW LEVEL SECURITY", alter+force+" ROW LEVEL SECURITY")
	case KindPolicy:
		return replaced(d, "DROP POLICY "+QuoteIdent(d.Name)+onTable, "CREATE POLICY "+QuoteIdent(d.Name)+onTable+" "+d.Want)
	}
	return nil, nil
}

// replaced drops the line that is there, if one is, and creates the one that
// should be, if one should.
func replaced(d Difference, drop string, create ...string) ([]string, []string) {
	switch {
	case d.Missing:
		return nil, create
	case d.Unexpected:
		return []string{drop}, nil
	}
	return []string{drop}, create
}

func (r residuePlan) onlyCreate(d Difference, create string) ([]string, []string) {
	if !d.Missing {
		return nil, nil
	}
	return nil, []string{create}
}

// table creates a table with its columns, which partitioning may need, or
// changes its storage options.
func (r residuePlan) table(d Difference) []string {
	switch {
	case d.Unexpected || strings.Contains(d.Want, "SERVER "):
		return nil
	case !d.Missing:
		return r.tableOptions(d)
	}
	rest, unlogged := strings.CutPrefix(d.Want, "UNLOGGED")
	create := "CREATE TABLE "
	if unlogged {
		create = "CREATE UNLOGGED TABLE "
	}
	rest = strings.TrimSpace(rest)
	if strings.HasPrefix(rest, "PARTITION OF ") {
		return []string{create + r.name(d.Name) + " " + rest}
	}
	var columns []string
	for _, c := range r.differences {
		if c.Kind == KindColumn && c.Missing && c.Table == d.Name {
			columns = append(columns, QuoteIdent(c.Name)+" "+c.Want)
		}
	}
	return []string{strings.TrimSpace(create + r.name(d.Name) + " (" + strings.Join(columns, ", ") + ") " + rest)}
}

// tableOptions changes the storage parameters or the persistence of a table.
func (r residuePlan) tableOptions(d Difference) []string {
	alter := "ALTER TABLE " + r.name(d.Name) + " "
	have, hadUnlogged := strings.CutPrefix(d.Have, "UNLOGGED")
	want, unlogged := strings.CutPrefix(d.Want, "UNLOGGED")
	var out []string
	switch {
	case unlogged && !hadUnlogged:
		out = append(out, alter+"SET UNLOGGED")
	case hadUnlogged && !unlogged:
		out = append(out, alter+"SET LOGGED")
	}
	if old := storageParameters(have); len(old) > 0 {
		var names []string
		for _, p := range old {
			name, _, _ := strings.Cut(p, "=")
			names = append(names, name)
		}
		out = append(out, alter+"RESET ("+strings.Join(names, ", ")+")")
	}
	if parameters := storageParameters(want); len(parameters) > 0 {
		out = append(out, alter+"SET ("+strings.Join(parameters, ", ")+")")
	}
	return out
}

func storageParameters(definition string) []string {
	_, rest, ok := strings.Cut(definition, "WITH (")
	if !ok {
		return nil
	}
	list, _, _ := strings.Cut(rest, ")")
	return strings.Split(list, ", ")
}

func (r residuePlan) column(d Difference, alter, column string) []string {
	switch {
	case d.Unexpected:
		return nil
	case d.Missing:
		return []string{alter + "ADD COLUMN " + QuoteIdent(d.Name) + " " + d.Want}
	case strings.Contains(d.Have+d.Want, "GENERATED ALWAYS AS"):
		return nil // to drop and add it would lose its place in constraints and indexes
	}
	bare, _, _ := strings.Cut(d.Want, " COLLATE ")
	return []string{column + "TYPE " + d.Want + " USING " + QuoteIdent(d.Name) + "::" + bare}
}

func columnOptions(d Difference, column string) []string {
	var out []string
	if d.Unexpected || strings.Contains(d.Have, "(") {
		return nil
	}
	for option := range strings.SplitSeq(d.Want, ", ") {
		out = append(out, column+"SET "+option)
	}
	return out
}

// notNull sets or drops NOT NULL, or names it, which PostgreSQL 18 brought.
func (r residuePlan) notNull(d Difference, alter, column string) (drop, create []string) {
	name := func(definition string) string {
		if definition == "" {
			return QuoteIdent(d.Table + "_" + d.Name + "_not_null")
		}
		return definition
	}
	switch {
	case d.Unexpected:
		return []string{column + "DROP NOT NULL"}, nil
	case !d.Missing:
		return nil, []string{alter + "RENAME CONSTRAINT " + name(d.Have) + " TO " + name(d.Want)}
	case d.Want == "":
		return nil, []string{column + "SET NOT NULL"}
	}
	return nil, []string{alter + "ADD CONSTRAINT " + d.Want + " NOT NULL " + QuoteIdent(d.Name)}
}

// trigger creates a trigger and sets when it fires, which its own definition
// does not say.
func (r residuePlan) trigger(d Difference) []string {
	alter := "ALTER TABLE " + r.name(d.Table) + " "
	for suffix, word := range map[string]string{" DISABLED": "DISABLE TRIGGER ", " REPLICA": "ENABLE REPLICA TRIGGER ", " ALWAYS": "ENABLE ALWAYS TRIGGER "} {
		if definition, ok := strings.CutSuffix(d.Want, suffix); ok {
			return []string{definition, alter + word + QuoteIdent(d.Name)}
		}
	}
	return []string{d.Want}
}
