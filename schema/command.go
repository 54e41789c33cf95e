package schema

import (
	"slices"
	"strings"
)

// A command is a statement taken apart as far as is needed to say what it does
// to a table: enough for what engines and the residue plan, and no parser of
// SQL. What it does not understand has an empty verb. Nothing hangs on it but
// hazards, and the online form, which is proven like every plan.
type command struct {
	verb    string // "ALTER TABLE", "CREATE INDEX", "DROP INDEX", "DROP TABLE" or ""
	table   string // as written; not of DROP INDEX
	name    string // of the index, as written
	unique  bool
	clauses []clause // of ALTER TABLE
	rest    []string // of CREATE INDEX: the tokens behind the table
}

// A clause is one action of ALTER TABLE, in tokens.
type clause []string

func (c clause) text() string { return strings.Join(c, " ") }

// starts reports whether the clause begins with those words, and returns what
// follows.
func (c clause) starts(words ...string) (rest clause, ok bool) {
	if len(c) < len(words) {
		return nil, false
	}
	for i, w := range words {
		if !strings.EqualFold(c[i], w) {
			return nil, false
		}
	}
	return c[len(words):], true
}

// has reports whether those words follow each other in the clause.
func (c clause) has(words ...string) bool { return c.index(words...) >= 0 }

func (c clause) index(words ...string) int {
	for i := range c {
		if _, ok := c[i:].starts(words...); ok {
			return i
		}
	}
	return -1
}

// commandOf takes a statement apart.
func commandOf(sql string) command {
	t := clause(tokensOf(sql))
	if rest, ok := t.starts("ALTER", "TABLE"); ok {
		rest = rest.without("IF", "EXISTS").without("ONLY")
		if len(rest) < 2 {
			return command{}
		}
		return command{verb: "ALTER TABLE", table: rest[0], clauses: splitClauses(rest[1:])}
	}
	if rest, ok := t.starts("DROP", "TABLE"); ok && len(rest) > 0 {
		return command{verb: "DROP TABLE", table: rest.without("IF", "EXISTS")[0]}
	}
	if rest, ok := t.starts("DROP", "INDEX"); ok && len(rest) > 0 {
		return command{verb: "DROP INDEX", name: rest.without("CONCURRENTLY").without("IF", "EXISTS")[0]}
	}
	c := command{verb: "CREATE INDEX"}
	rest, ok := t.starts("CREATE", "INDEX")
	if !ok {
		rest, c.unique = t.starts("CREATE", "UNIQUE", "INDEX")
	}
	rest = rest.without("CONCURRENTLY").without("IF", "NOT", "EXISTS")
	on := rest.index("ON")
	if on != 1 || len(rest) < 4 {
		return command{}
	}
	c.name, rest = rest[0], rest[2:].without("ONLY")
	c.table, c.rest = rest[0], rest[1:]
	return c
}

// without returns the clause without the words that it may begin with.
func (c clause) without(words ...string) clause {
	if rest, ok := c.starts(words...); ok && len(rest) > 0 {
		return rest
	}
	return c
}

func splitClauses(tokens []string) (out []clause) {
	for part := range slices.Values(splitAt(tokens, ",")) {
		if len(part) > 0 {
			out = append(out, part)
		}
	}
	return out
}

func splitAt(tokens []string, separator string) (out [][]string) {
	begin := 0
	for i, t := range tokens {
		if t == separator {
			out = append(out, tokens[begin:i])
			begin = i + 1
		}
	}
	return append(out, tokens[begin:])
}

// tokensOf returns a statement's words, names with their dots, strings, commas,
// and what is in parentheses, each pair with what it holds as one token; a
// semicolon ends it, and comments are left out.
func tokensOf(sql string) (out []string) {
	for i := 0; i < len(sql); {
		n := tokenLength(sql[i:])
		switch token := sql[i : i+n]; {
		case token == ";":
			return out
		case strings.TrimSpace(token) == "" || strings.HasPrefix(token, "--"):
		case len(out) > 0 && i > 0 && joins(sql[i-1], token[0]):
			out[len(out)-1] += token
		default:
			out = append(out, token)
		}
		i += n
	}
	return out
}

// joins reports whether a token goes on after that byte: in names with dots, in
// casts, and where a list of arguments follows without a space.
func joins(before, first byte) bool {
	return before == '.' || first == '.' || before == ':' || first == ':' || first == '\'' && isWord(before) || first == '(' && (isWord(before) || before == '"') || first == '[' || before == '[' || first == ']'
}

func isWord(b byte) bool {
	return b == '_' || b == '$' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}

// tokenLength returns the length of the token, or of the space, that a text
// begins with.
func tokenLength(s string) int {
	switch {
	case s[0] == '"' || s[0] == '\'':
		return quotedLength(s)
	case s[0] == '(':
		return groupLength(s)
	case s[0] == '{': // a mark that stands for a schema
		return max(1, strings.IndexByte(s, '}')+1)
	case strings.HasPrefix(s, "--"):
		return orAll(s, strings.IndexByte(s, '\n'))
	case s[0] == '$':
		if end := strings.IndexByte(s[1:], '$'); end >= 0 {
			tag := s[:end+2]
			if i := strings.Index(s[len(tag):], tag); i >= 0 {
				return i + 2*len(tag)
			}
		}
	case isWord(s[0]):
		return orAll(s, strings.IndexFunc(s, func(r rune) bool { return r < 0x80 && !isWord(byte(r)) }))
	}
	return 1
}

func orAll(s string, i int) int {
	if i < 0 {
		return len(s)
	}
	return i
}

// quotedLength returns the length of a quoted name or a string; a doubled quote
// is a part of it.
func quotedLength(s string) int {
	for i := 1; i < len(s); i++ {
		if s[i] != s[0] {
			continue
		}
		if i+1 == len(s) || s[i+1] != s[0] {
			return i + 1
		}
		i++
	}
	return len(s)
}

func groupLength(s string) int {
	depth := 0
	for i := 0; i < len(s); {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		if s[i] == '(' || s[i] == ')' {
			i++
		} else {
			i += tokenLength(s[i:])
		}
	}
	return len(s)
}

// bareName returns the last part of a name, without quotes.
func bareName(name string) string {
	last := name
	for i := 0; i < len(name); {
		n := 1
		if name[i] == '"' {
			n = quotedLength(name[i:])
		}
		if name[i] == '.' {
			last = name[i+1:]
		}
		i += n
	}
	if strings.HasPrefix(last, `"`) {
		return strings.ReplaceAll(strings.TrimSuffix(last[1:], `"`), `""`, `"`)
	}
	return strings.ToLower(last)
}

// inside returns what a group of parentheses holds.
func inside(group string) string {
	return strings.TrimSuffix(strings.TrimPrefix(group, "("), ")")
}
