package schema

import (
	"regexp"
	"strings"
)

// The marks of Names that a migration may have, for what Flyway calls default
// placeholders: they are different for each target or database.
const (
	nameMark     = "{name}"
	userMark     = "{user}"
	databaseMark = "{database}"
	fromMark     = "{from}"
	roleMark     = "{role}"
	fromRoleMark = "{from_role}"
	braceMark    = "{brace}" // a brace that stands before a mark
	identMark    = "{ident}" // the name where it qualifies another: quoted, so that every name works there
)

// escapeMarks doubles the braces of what only looks like a mark of Names.
func escapeMarks(text string) string { return marksDoubled.Replace(text) }

var namedMarks = []string{nameMark, identMark, braceMark, userMark, databaseMark, fromMark, roleMark, fromRoleMark}

var marksDoubled = func() *strings.Replacer {
	var pairs []string
	for _, mark := range namedMarks {
		pairs = append(pairs, mark, "{"+mark+"}")
	}
	return strings.NewReplacer(pairs...)
}()

// marks replaces the marks but {schema}. That of a role stays where there is none.
func (n Names) marks() *strings.Replacer { return n.marksWith(QuoteIdent(n.Schema)) }

func (n Names) marksWith(ident string) *strings.Replacer {
	var pairs []string
	for _, mark := range namedMarks {
		pairs = append(pairs, "{"+mark+"}", mark)
	}
	pairs = append(pairs, nameMark, n.Schema, identMark, ident, braceMark, "{", userMark, n.User, databaseMark, n.Database)
	for _, quoted := range [][2]string{{fromMark, n.From}, {roleMark, n.Role}, {fromRoleMark, n.FromRole}} {
		if quoted[1] != "" {
			pairs = append(pairs, quoted[0], QuoteIdent(quoted[1]))
		}
	}
	return strings.NewReplacer(pairs...)
}

// setting matches SET of a setting for the session.
var setting = regexp.MustCompile(`(?i)^SET\s+(SESSION\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*(=|TO\b)`)

// setConfig matches a call that sets something for the session.
var setConfig = regexp.MustCompile(`(?i)(\bset_config\s*\(\s*'[^']*'\s*,\s*'[^']*'\s*,\s*)false(\s*\))`)

// local makes settings end with the transaction: the connection is not the
// file's.
func local(sql string) string {
	if m := setting.FindStringSubmatchIndex(sql); m != nil {
		return "SET LOCAL " + sql[m[4]:]
	}
	return setConfig.ReplaceAllString(sql, "${1}true${2}")
}

const identPattern = `(?:"(?:[^"]|"")+"|[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*)`

// concurrent matches the statements that may not run in a transaction, up to the
// name of what they are about.
var concurrently = []*regexp.Regexp{
	regexp.MustCompile(`(?is)^(CREATE\s+(?:UNIQUE\s+)?INDEX\s+)CONCURRENTLY(\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:` + identPattern + `\s+)?ON\s+(?:ONLY\s+)?)(` + identPattern + `)(\s*\.)?`),
	regexp.MustCompile(`(?is)^(DROP\s+INDEX\s+)CONCURRENTLY(\s+(?:IF\s+EXISTS\s+)?)(` + identPattern + `)(\s*\.)?`),
	regexp.MustCompile(`(?is)^(REINDEX\s+(?:\([^)]*\)\s*)?(?:INDEX|TABLE)\s+)CONCURRENTLY(\s+)(` + identPattern + `)(\s*\.)?`),
}

// isConcurrent reports whether a statement may not run in a transaction.
func isConcurrent(sql string) bool {
	for _, form := range concurrently {
		if form.MatchString(sql) {
			return true
		}
	}
	return false
}

// qualified names the target's schema in a statement that may not run in a
// transaction: there is no search_path without one.
func qualified(sql string) string {
	for _, form := range concurrently {
		m := form.FindStringSubmatchIndex(sql)
		switch {
		case m == nil:
		case m[8] >= 0: // it is qualified already
			return sql[m[2]:m[3]] + "CONCURRENTLY" + sql[m[4]:]
		default:
			return sql[m[2]:m[3]] + "CONCURRENTLY" + sql[m[4]:m[5]] + schemaMark + "." + sql[m[6]:]
		}
	}
	return sql
}
