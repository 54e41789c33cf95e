package schema

import (
	"regexp"
	"strings"
)

// Probes: read-only queries that say whether a statement would fail on the rows
// that there are. One that the workbench does not accept is left out, and the
// apply finds out; so none has to be right about every way to write a definition.

// checkProbe finds a row that the condition is false for. Where it is unknown,
// the row passes: https://www.postgresql.org/docs/current/ddl-constraints.html.
func checkProbe(table string, definition clause) string {
	i := definition.index("CHECK")
	if i+1 >= len(definition) {
		return ""
	}
	return "SELECT EXISTS (SELECT FROM " + table + " WHERE NOT " + definition[i+1] + ")"
}

var foreignKey = regexp.MustCompile(`^FOREIGN KEY ?\((.*?)\) REFERENCES (.+?) ?\((.*?)\)`)

// foreignKeyProbe finds a row that refers to nothing.
func foreignKeyProbe(table string, definition clause) string {
	m := foreignKey.FindStringSubmatch(definition[definition.index("FOREIGN", "KEY"):].text())
	if m == nil {
		return ""
	}
	columns, references := strings.Split(m[1], ", "), strings.Split(m[3], ", ")
	if len(columns) != len(references) {
		return ""
	}
	var given, same []string
	for i := range columns {
		given = append(given, "f."+columns[i]+" IS NOT NULL")
		same = append(same, "r."+references[i]+" = f."+columns[i])
	}
	return "SELECT EXISTS (SELECT FROM " + table + " f WHERE " + strings.Join(given, " AND ") +
		" AND NOT EXISTS (SELECT FROM " + m[2] + " r WHERE " + strings.Join(same, " AND ") + "))"
}

// keyProbe finds rows that a unique or primary key does not tell apart, and for
// the latter rows without a value.
func keyProbe(table string, definition clause) string {
	group := ""
	for _, token := range definition {
		if strings.HasPrefix(token, "(") {
			group = token
			break
		}
	}
	if group == "" {
		return ""
	}
	rest := []string{group}
	if definition.has("NULLS", "NOT", "DISTINCT") {
		rest = append(rest, "NULLS", "NOT", "DISTINCT")
	}
	alike := uniqueProbe(table, rest)
	if _, primary := definition.starts("PRIMARY", "KEY"); !primary {
		return alike
	}
	var missing []string
	for _, column := range strings.Split(inside(group), ",") {
		missing = append(missing, strings.TrimSpace(column)+" IS NULL")
	}
	return alike + " OR EXISTS (SELECT FROM " + table + " WHERE " + strings.Join(missing, " OR ") + ")"
}

// uniqueProbe finds rows that are alike in what an index is over: rest is what
// follows the table in CREATE INDEX. NULLs are not alike, unless it says so.
func uniqueProbe(table string, rest clause) string {
	var group string
	for _, token := range rest {
		if strings.HasPrefix(token, "(") {
			group = token
			break
		}
		if i := strings.IndexByte(token, '('); i > 0 { // btree(a)
			group = token[i:]
			break
		}
	}
	var parts, given []string
	for _, part := range splitAt(tokensOf(inside(group)), ",") {
		if len(part) == 0 {
			return ""
		}
		parts = append(parts, part[0]) // without operator class, collation and order
		given = append(given, part[0]+" IS NOT NULL")
	}
	if len(parts) == 0 {
		return ""
	}
	if rest.has("NULLS", "NOT", "DISTINCT") {
		given = nil
	}
	if i := rest.index("WHERE"); i >= 0 {
		given = append(given, "("+rest[i+1:].text()+")")
	}
	where := ""
	if len(given) > 0 {
		where = " WHERE " + strings.Join(given, " AND ")
	}
	return "SELECT EXISTS (SELECT FROM " + table + where + " GROUP BY " + strings.Join(parts, ", ") + " HAVING count(*) > 1)"
}

var lengthOf = regexp.MustCompile(`^(?:character varying|character)\((\d+)\)$`)

// castProbe tries every value. The length of text is asked for, because a cast
// that is written out cuts it off, where ALTER TABLE's own refuses.
func castProbe(table, column, to string, definition clause) string {
	if m := lengthOf.FindStringSubmatch(to); m != nil {
		return "SELECT EXISTS (SELECT FROM " + table + " WHERE length(rtrim(" + column + "::text)) > " + m[1] + ")"
	}
	value := column + "::" + strings.Split(to, " COLLATE ")[0]
	if i := definition.index("USING"); i >= 0 {
		value = definition[i+1:].text()
	}
	return "SELECT count(" + value + ") < 0 FROM " + table
}

// wider lists, for each type, those that hold each of its values.
var wider = map[string][]string{
	"smallint":          {"integer", "bigint", "numeric", "real", "double precision"},
	"integer":           {"bigint", "numeric", "double precision"},
	"bigint":            {"numeric"},
	"real":              {"double precision"},
	"date":              {"timestamp without time zone", "timestamp with time zone"},
	"character":         {"character varying"},
	"character varying": {},
}

var typeParts = regexp.MustCompile(`^([a-z ]+?)(?:\((\d+)(?:,(\d+))?\))?( [a-z ]+)?$`)

// alwaysFits reports whether no value can be too much for the new type, in the
// words that PostgreSQL prints types in.
func alwaysFits(from, to string) bool {
	from, to = strings.Split(from, " COLLATE ")[0], strings.Split(to, " COLLATE ")[0]
	if from == to || to == "text" {
		return true
	}
	f, t := typeParts.FindStringSubmatch(from), typeParts.FindStringSubmatch(to)
	if f == nil || t == nil {
		return false
	}
	have, want := f[1]+f[4], t[1]+t[4]
	if have != want {
		for _, w := range wider[have] {
			if w == want && (t[2] == "" || w == "character varying" && atLeast(t[2], f[2])) {
				return true
			}
		}
		return false
	}
	if t[2] == "" {
		return true
	}
	if have == "numeric" {
		return f[2] != "" && atLeast(t[3], f[3]) && number(t[2])-number(t[3]) >= number(f[2])-number(f[3])
	}
	return f[2] != "" && atLeast(t[2], f[2])
}

func atLeast(a, b string) bool { return number(a) >= number(b) }

func number(digits string) (n int) {
	for _, d := range digits {
		n = n*10 + int(d-'0')
	}
	return n
}
