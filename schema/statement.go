package schema

import (
	"slices"
	"strings"
)

// A Statement is one SQL statement of a plan, as a template: {schema} stands
// wherever the target's schema is named. It runs with search_path naming the
// target's schema and then public.
type Statement struct {
	SQL           string   `json:"sql"`
	Comment       string   `json:"comment,omitempty"` // what it does, for a reader
	Transactional bool     `json:"transactional"`     // false: it must run outside a transaction block
	Alone         bool     `json:"alone,omitempty"`   // it has a transaction of its own: what comes before is committed first
	Hazards       []Hazard `json:"hazards"`
	Reverse       []string `json:"reverse,omitempty"` // templates that undo it, where that can be said
	Named         bool     `json:"named,omitempty"`   // its templates have the marks of Names besides {schema}
}

// Names are what the marks of a statement stand for. {name} is Schema as it is,
// without quotes.
type Names struct {
	Schema string // {schema}: what the target's schema is called when the step is done
	From   string // {from}: what it is called before

	Role           string // {role}: the role of the tenant's own, or ""
	FromRole       string // {from_role}: what that is called before
	User, Database string // {user}, {database}: who connects to what, for placeholders of migrations
}

// With returns the statement with every mark but {schema} replaced by names.
func (s Statement) With(n Names) Statement {
	if !s.Named {
		return s
	}
	return s.mapSQL(n.marks().Replace)
}

// WithNames returns the statements with every mark but {schema} replaced by names.
func WithNames(statements []Statement, n Names) []Statement {
	replace := n.marks().Replace // for all of them: making it takes longer than using it
	out := make([]Statement, len(statements))
	for i, s := range statements {
		if s.Named {
			s = s.mapSQL(replace)
		}
		out[i] = s
	}
	return out
}

// Escape returns text that stands for itself in the template of a statement that
// is Named, whatever it looks like.
func Escape(text string) string {
	return strings.NewReplacer(schemaMark, "{"+schemaMark+"}").Replace(escapeMarks(text))
}

// In returns the statement's SQL for a target of those names.
func (s Statement) In(n Names) string { return s.With(n).For(n.Schema) }

// For returns the statement's SQL for the schema of that name.
func (s Statement) For(schema string) string { return Render(s.SQL, schema) }

// A template names the target's schema by a mark. One that is still to be built
// on a bench names shared schemas by marks too. Where a text has what looks like
// a mark of its own, its brace is doubled.
const (
	schemaMark = "{schema}"
	sharedMark = "{shared."
)

// Render puts a schema's quoted name in place of each {schema} of a template.
// A doubled {{schema}} is the text "{schema}" itself.
func Render(template, schema string) string {
	if !strings.Contains(template, schemaMark) { // as migrations mostly do not
		return template
	}
	return strings.NewReplacer("{"+schemaMark+"}", schemaMark, schemaMark, QuoteIdent(schema)).Replace(template)
}

// templateOf turns SQL that names a bench's scratch schemas, quoted or not,
// into a template. It is exact because a scratch name occurs nowhere else.
func templateOf(sql string, b *Bench) string {
	pairs := []string{schemaMark, "{" + schemaMark + "}", sharedMark, "{" + sharedMark, QuoteIdent(b.Schema), schemaMark, b.Schema, schemaMark}
	for name, scratch := range b.Shared {
		mark := sharedMark + name + "}"
		pairs = append(pairs, QuoteIdent(scratch), mark, scratch, mark)
	}
	return strings.NewReplacer(pairs...).Replace(sql)
}

// onBench turns a template back into SQL for a bench, with the schema it works
// on under the name given.
func onBench(template, schema string, b *Bench) string {
	pairs := []string{"{" + schemaMark + "}", schemaMark, "{" + sharedMark, sharedMark, schemaMark, QuoteIdent(schema)}
	for name, scratch := range b.Shared {
		pairs = append(pairs, sharedMark+name+"}", QuoteIdent(scratch))
	}
	return strings.NewReplacer(pairs...).Replace(template)
}

// resolveShared puts the real names of the shared schemas into a template, so
// that {schema} is the only mark left in it.
func resolveShared(template string, shared []string) string {
	pairs := []string{"{" + sharedMark, sharedMark}
	for _, name := range shared {
		pairs = append(pairs, sharedMark+name+"}", QuoteIdent(name))
	}
	return strings.NewReplacer(pairs...).Replace(template)
}

// mapSQL returns the statement with f applied to every SQL text in it.
func (s Statement) mapSQL(f func(string) string) Statement {
	s.SQL = f(s.SQL)
	s.Reverse = mapped(s.Reverse, f)
	hazards := make([]Hazard, len(s.Hazards)) // never nil: JSON has [], not null
	for i, h := range s.Hazards {
		h.Table, h.Column, h.Probe = f(h.Table), f(h.Column), f(h.Probe)
		hazards[i] = h
	}
	s.Hazards = hazards
	return s
}

func mapped(texts []string, f func(string) string) []string {
	out := slices.Clone(texts)
	for i := range out {
		out[i] = f(out[i])
	}
	return out
}

func mapStatements(statements []Statement, f func(string) string) []Statement {
	out := make([]Statement, len(statements))
	for i, s := range statements {
		out[i] = s.mapSQL(f)
	}
	return out
}

// QuoteIdent quotes an SQL identifier, always. See
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS.
func QuoteIdent(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// BareIdent quotes an identifier only where it must be, as PostgreSQL prints it,
// but for names that are keywords.
func BareIdent(name string) string { return bareIdent(name) }

// bareIdent quotes an identifier only where it must be, as quote_ident does for
// names without keywords; it is for names that PostgreSQL itself has printed.
func bareIdent(name string) string {
	for i, r := range name {
		if r != '_' && (r < 'a' || r > 'z') && (i == 0 || r < '0' || r > '9') {
			return QuoteIdent(name)
		}
	}
	return name
}

// StatementOf returns a statement of which only the SQL is known. Review says
// what is dangerous about what it can take apart; of the rest, what throws away
// rows, or may take them along, is destructive.
func StatementOf(sql string) Statement {
	s := Statement{SQL: sql, Transactional: !strings.Contains(sql, "INDEX CONCURRENTLY ")}
	t := clause(tokensOf(sql))
	for _, verb := range []string{"TRUNCATE", "DELETE", "UPDATE", "MERGE", "DROP SCHEMA", "DROP EXTENSION", "DROP OWNED", "DROP DATABASE"} {
		if _, ok := t.starts(strings.Fields(verb)...); ok {
			s.Hazards = []Hazard{{Code: HazardDestructive, Message: strings.ToLower(verb) + " throws data away"}}
		}
	}
	if _, drops := t.starts("DROP"); drops && t.has("CASCADE") && len(s.Hazards) == 0 {
		s.Hazards = []Hazard{{Code: HazardDestructive, Message: "takes along what depends on it, columns too"}}
	}
	return s
}
