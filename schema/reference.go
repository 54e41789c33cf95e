package schema

import (
	"slices"
	"strings"
)

// A Reference is the use of something in another schema.
type Reference struct {
	Schema, Name string // as they are, without quotes
	From         Line   // the line that uses it
}

// References returns what the lines may use of other schemas: whatever stands
// in them as schema.name. An alias of a view looks the same, so it is for the
// caller to see whether there is such a thing. Strings and the bodies of
// functions are not looked into.
func References(lines []Line) []Reference {
	var out []Reference
	for _, l := range lines {
		for _, r := range pairsOf(l.Definition) {
			r.From = l
			if !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	return out
}

// pairsOf returns the pairs of names with a dot between them.
func pairsOf(sql string) (out []Reference) {
	var before string // the name that ends where the rest begins, and a dot follows
	for {
		at := sqlToken.FindStringIndex(sql)
		if at == nil {
			return out
		}
		token := sql[at[0]:at[1]]
		if strings.HasPrefix(token, "$") { // to where the same comes again
			if end := strings.Index(sql[at[1]:], token); end >= 0 {
				at[1] += end + len(token)
			}
		}
		name, isName := identifier(token)
		if before != "" && isName && sql[:at[0]] == "." {
			out = append(out, Reference{Schema: before, Name: name})
			isName = false // a third name is a column's
		}
		sql = sql[at[1]:]
		before = ""
		if isName && strings.HasPrefix(sql, ".") {
			before = name
		}
	}
}

// identifier returns the name that a token is, as PostgreSQL reads it.
func identifier(token string) (name string, ok bool) {
	switch c := token[0]; {
	case c == '"':
		return strings.ReplaceAll(token[1:len(token)-1], `""`, `"`), true
	case c == '\'' || c == '$' || c == '-' || c == '/' || strings.HasSuffix(token, "'"):
		return "", false
	}
	return strings.ToLower(token), true
}

// Holds reports whether the lines hold something of that name: a relation, a
// type or a routine.
func Holds(lines []Line, name string) bool { return kindOf(lines, name) != "" }

// HoldsRelation reports whether the lines hold a table or a view of that name.
func HoldsRelation(lines []Line, name string) bool {
	switch kindOf(lines, name) {
	case KindTable, KindView, KindMaterializedView:
		return true
	}
	return false
}

func kindOf(lines []Line, name string) Kind {
	for _, l := range lines {
		switch l.Kind {
		case KindTable, KindView, KindMaterializedView, KindSequence, KindEnum, KindDomain, KindComposite, KindRange:
			if l.Name == name {
				return l.Kind
			}
		case KindFunction, KindProcedure, KindAggregate:
			if ident, _, _ := strings.Cut(l.Name, "("); ident == bareIdent(name) || ident == QuoteIdent(name) {
				return l.Kind
			}
		}
	}
	return ""
}
