package ui

import (
	"cmp"
	"slices"
	"strings"

	"tenantry/internal/runbook"
	"tenantry/reconcile"
	"tenantry/schema"
)

// A table is a table of a schema, as PostgreSQL's definitions tell it.
type table struct {
	Name        string
	Comment     string
	Columns     []column // those of keys first
	References  []reference
	Indexes     []runbook.LiveLine
	Constraints []runbook.LiveLine // but keys
	Elsewhere   bool               // it is another schema's, and only referred to
	Differs     bool               // something about it is not as it should be
}

// A column of a table.
type column struct {
	Name, Type, Default, Comment string
	NotNull, Primary             bool
	Refers                       string // the table that it refers to, or ""
}

// A reference is a foreign key.
type reference struct {
	Columns []string
	Table   string // with its schema, where that is another
}

// kindOf is what there is of a kind beside tables.
type kindOf struct {
	Kind  schema.Kind
	Lines []runbook.LiveLine
}

// structureOf reads tables out of definitions, and returns them and the objects
// that belong to none, both sorted.
func structureOf(lines []runbook.LiveLine, diff *reconcile.Explanation) (tables []*table, others []kindOf) {
	byName := make(map[string]*table)
	for _, l := range lines {
		if l.Kind == schema.KindTable {
			byName[l.Name] = &table{Name: l.Name}
		}
	}
	for _, l := range lines {
		if t := byName[l.Table]; t != nil && l.Kind == schema.KindColumn {
			t.Columns = append(t.Columns, column{Name: l.Name, Type: l.Definition})
		}
	}
	for _, l := range lines {
		switch t := byName[l.Table]; {
		case t != nil:
			t.add(l)
		case l.Kind != schema.KindTable && l.Table == "":
			others = addKind(others, l)
		}
	}
	for _, t := range byName {
		t.Differs = diff != nil && slices.ContainsFunc(diff.Differing, func(e reconcile.ExplainedLine) bool { return e.Table == t.Name })
		slices.SortStableFunc(t.Columns, func(a, b column) int { return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Name, b.Name)) })
		tables = append(tables, t)
	}
	slices.SortFunc(tables, func(a, b *table) int { return cmp.Compare(a.Name, b.Name) })
	return tables, others
}

func addKind(kinds []kindOf, l runbook.LiveLine) []kindOf {
	i, found := slices.BinarySearchFunc(kinds, l.Kind, func(k kindOf, kind schema.Kind) int { return cmp.Compare(k.Kind, kind) })
	if !found {
		kinds = slices.Insert(kinds, i, kindOf{Kind: l.Kind})
	}
	kinds[i].Lines = append(kinds[i].Lines, l)
	return kinds
}

// rank orders columns: keys, what refers to elsewhere, the rest.
func (c column) rank() int {
	switch {
	case c.Primary:
		return 0
	case c.Refers != "":
		return 1
	}
	return 2
}

func (t *table) column(name string) *column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return &column{} // nothing is drawn of it
}

// add adds what a definition says of the table.
func (t *table) add(l runbook.LiveLine) {
	switch l.Kind {
	case schema.KindNotNull:
		t.column(l.Name).NotNull = true
	case schema.KindDefault, schema.KindIdentity:
		t.column(l.Name).Default = strings.TrimSuffix(strings.Split(l.Definition, " (SEQUENCE")[0], ")")
		if l.Kind == schema.KindDefault {
			t.column(l.Name).Default = l.Definition
		}
	case schema.KindIndex:
		t.Indexes = append(t.Indexes, l)
	case schema.KindComment:
		t.comment(l)
	case schema.KindConstraint:
		t.constraint(l)
	}
}

func (t *table) comment(l runbook.LiveLine) {
	text := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(l.Definition, "'"), "'"), "''", "'")
	if l.Name == "TABLE "+l.Table {
		t.Comment = text
	} else if name, ok := strings.CutPrefix(l.Name, "COLUMN "+l.Table+"."); ok {
		t.column(name).Comment = text
	}
}

func (t *table) constraint(l runbook.LiveLine) {
	if rest, ok := strings.CutPrefix(l.Definition, "PRIMARY KEY ("); ok {
		names, _ := identifiers(rest)
		for _, name := range names {
			t.column(name).Primary = true
		}
		return
	}
	rest, ok := strings.CutPrefix(l.Definition, "FOREIGN KEY (")
	if !ok {
		t.Constraints = append(t.Constraints, l)
		return
	}
	columns, rest := identifiers(rest)
	to, _ := identifiers(strings.TrimPrefix(rest, " REFERENCES "))
	ref := reference{Columns: columns, Table: strings.Join(to, ".")}
	t.References = append(t.References, ref)
	for _, name := range columns {
		t.column(name).Refers = ref.Table
	}
}

// identifiers reads names, quoted or not, with commas or dots between them, up to
// a parenthesis, and returns what follows that.
func identifiers(text string) (names []string, rest string) {
	var name strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quoted && c == '"' && i+1 < len(text) && text[i+1] == '"':
			name.WriteByte(c)
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
			name.WriteByte(c)
		case c == '(' || c == ')':
			return append(names, name.String()), text[i+1:]
		case c == ',' || c == '.':
			names = append(names, name.String())
			name.Reset()
		case c != ' ':
			name.WriteByte(c)
		}
	}
	return append(names, name.String()), ""
}
