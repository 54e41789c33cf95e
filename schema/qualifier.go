package schema

import (
	"regexp"
	"strings"
)

// sharedOnBench puts the scratch names of shared schemas into SQL that names
// the real ones, as "identity.users" in a foreign key. Strings, comments and
// bodies in dollar quotes stay as they are.
func (b *Bench) sharedOnBench(sql string) string {
	for name, scratch := range b.Shared {
		sql = replaceQualifier(sql, name, scratch)
	}
	return sql
}

// sqlToken matches what is one token of SQL as far as names go: a comment, a
// string (with escapes, in dollar quotes), a quoted name, or a bare word. See
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html.
var sqlToken = regexp.MustCompile(`--[^\n]*|/\*(?s:.*?)\*/|[eE]'(?:[^'\\]|\\(?s:.)|'')*'|'[^']*'|\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$|"(?:[^"]|"")*"|[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*`)

// replaceQualifier replaces a schema's name where it qualifies another: where
// it is a whole word, quoted or not, with a dot behind it and none before it.
func replaceQualifier(sql, name, with string) string {
	var out strings.Builder
	for {
		at := sqlToken.FindStringIndex(sql)
		if at == nil {
			return out.String() + sql
		}
		token := sql[at[0]:at[1]]
		if strings.HasPrefix(token, "$") { // to where the same comes again
			if end := strings.Index(sql[at[1]:], token); end >= 0 {
				at[1] += end + len(token)
				token = sql[at[0]:at[1]]
			}
		}
		afterDot := strings.HasSuffix(sql[:at[0]], ".")
		out.WriteString(sql[:at[0]])
		sql = sql[at[1]:]
		if !afterDot && names(token, name) && strings.HasPrefix(sql, ".") {
			token = with
		}
		out.WriteString(token)
	}
}

// names reports whether a token is the name, as PostgreSQL reads it.
func names(token, name string) bool {
	if strings.HasPrefix(token, `"`) {
		return token == QuoteIdent(name)
	}
	return strings.ToLower(token) == name
}
