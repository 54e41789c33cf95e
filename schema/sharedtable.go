package schema

import (
	"cmp"
	"slices"
	"strings"
)

// A SharedTable is a table of a shared service that a schema's foreign keys lead to.
type SharedTable struct {
	Schema, Name string
	Keys         int // that lead to it
	// Locks is how many the server takes in the schema to look for rows that refer to
	// one which is deleted: one for each table with such a key, and for each of its
	// indexes, among which the query that looks has to choose.
	Locks int
}

// SharedTables returns the shared tables that the schema's foreign keys lead to,
// sorted.
func (c *Compiled) SharedTables() []SharedTable {
	locks := make(map[string]int) // by the schema's own table
	for _, l := range c.Lines {
		switch {
		case l.Kind == KindTable:
			locks[l.Name]++
		case l.Kind == KindIndex || l.Kind == KindConstraint && hasIndex(l.Definition):
			locks[l.Table]++
		}
	}
	var out []SharedTable
	from := make(map[Reference]bool) // with the table's name only
	for _, r := range References(c.Lines) {
		if r.From.Kind != KindConstraint || !strings.HasPrefix(r.From.Definition, "FOREIGN KEY ") || !slices.Contains(c.Shared, r.Schema) {
			continue
		}
		i := slices.IndexFunc(out, func(s SharedTable) bool { return s.Schema == r.Schema && s.Name == r.Name })
		if i < 0 {
			i = len(out)
			out = append(out, SharedTable{Schema: r.Schema, Name: r.Name})
		}
		out[i].Keys++
		r.From = Line{Table: r.From.Table}
		if !from[r] {
			from[r] = true
			out[i].Locks += locks[r.From.Table]
		}
	}
	slices.SortFunc(out, func(a, b SharedTable) int {
		return cmp.Or(strings.Compare(a.Schema, b.Schema), strings.Compare(a.Name, b.Name))
	})
	return out
}

// hasIndex reports whether a constraint is one that an index enforces.
func hasIndex(definition string) bool {
	return slices.ContainsFunc([]string{"PRIMARY KEY", "UNIQUE", "EXCLUDE"}, func(word string) bool { return strings.HasPrefix(definition, word) })
}
