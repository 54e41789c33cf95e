package schema

import (
	"fmt"

	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
)

// hazardsOf returns the hazards of a statement that makes this change.
func hazardsOf(change atlas.Change) []Hazard {
	switch c := change.(type) {
	case *atlas.DropTable:
		return []Hazard{dropsTable(c.T)}
	case *atlas.ModifyTable:
		var out []Hazard
		for _, part := range c.Changes {
			out = append(out, tableHazards(c.T, part)...)
		}
		return out
	case *atlas.DropSchema:
		return []Hazard{{Code: HazardDestructive, Message: fmt.Sprintf("drops the schema %q with all its rows", c.S.Name)}}
	}
	return nil
}

func dropsTable(t *atlas.Table) Hazard {
	return Hazard{Code: HazardDestructive, Message: dropsRows(t.Name), Table: qualified(t)}
}

func qualified(t *atlas.Table) string { return QuoteIdent(t.Schema.Name) + "." + QuoteIdent(t.Name) }

func tableHazards(t *atlas.Table, change atlas.Change) []Hazard {
	switch c := change.(type) {
	case *atlas.DropColumn:
		return []Hazard{{Code: HazardDestructive, Message: fmt.Sprintf("drops the column %q of %q with all its values", c.C.Name, t.Name), Table: qualified(t), Column: QuoteIdent(c.C.Name)}}
	case *atlas.AddColumn:
		_, generated := attr[*atlas.GeneratedExpr](c.C.Attrs)
		if !c.C.Type.Null && c.C.Default == nil && !generated && !isIdentity(c.C) {
			return []Hazard{{Code: HazardDataDependent, Message: fmt.Sprintf("adds the NOT NULL column %q to %q without a default: fails where %q has rows", c.C.Name, t.Name, t.Name)}}
		}
	case *atlas.ModifyColumn:
		var out []Hazard
		if c.Change.Is(atlas.ChangeType) {
			out = append(out, Hazard{Code: HazardDataDependent, Message: changesType(t.Name, c.To.Name)})
		}
		if c.Change.Is(atlas.ChangeNull) && c.From.Type.Null && !c.To.Type.Null {
			out = append(out, Hazard{Code: HazardDataDependent, Message: makesNotNull(t.Name, c.To.Name)})
		}
		return out
	case *atlas.AddIndex:
		if c.I.Unique {
			return []Hazard{{Code: HazardDataDependent, Message: addsUnique(t.Name, c.I.Name)}}
		}
	case *atlas.AddForeignKey:
		return []Hazard{{Code: HazardDataDependent, Message: fmt.Sprintf("adds the foreign key %q to %q: fails where a row refers to nothing", c.F.Symbol, t.Name)}}
	case *atlas.AddCheck:
		return []Hazard{{Code: HazardDataDependent, Message: fmt.Sprintf("adds the check %q to %q: fails where a row does not satisfy it", c.C.Name, t.Name)}}
	}
	return nil
}

func attr[T atlas.Attr](attrs []atlas.Attr) (T, bool) {
	for _, a := range attrs {
		if t, ok := a.(T); ok {
			return t, true
		}
	}
	var none T
	return none, false
}

func isIdentity(c *atlas.Column) bool {
	_, ok := attr[*postgres.Identity](c.Attrs)
	return ok
}

// The sentences that the residue says as well.

func dropsRows(table string) string {
	return fmt.Sprintf("drops the table %q with all its rows", table)
}

func changesType(table, column string) string {
	return fmt.Sprintf("changes the type of %q.%q: fails where a value does not fit", table, column)
}

func makesNotNull(table, column string) string {
	return fmt.Sprintf("makes %q.%q NOT NULL: fails where a row has none", table, column)
}

func addsUnique(table, index string) string {
	return fmt.Sprintf("adds the unique index %q to %q: fails where rows are alike", index, table)
}

func addsConstraint(table, constraint string) string {
	return fmt.Sprintf("adds the constraint %q to %q: fails where a row does not satisfy it", constraint, table)
}
