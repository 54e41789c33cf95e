package report

import (
	"regexp"
	"strings"

	"tenantry/schema"
)

// species is a kind of thing that creating statements make.
type species struct {
	one   string // its name, in the singular
	named bool   // worth naming one by one
	begin *regexp.Regexp
}

// identifier is a part of a name as templates write it.
const identifier = `(?:"(?:[^"]|"")*"|\{[^}]*\}|[^\s"(){},;.]+)`

// qualified takes the last part of a qualified name.
const qualified = `(?:` + identifier + `\.)*(` + identifier + `)`

func begins(pattern string) *regexp.Regexp { return regexp.MustCompile(`^(?i:` + pattern + `)`) }

// allSpecies lists them in the order in which they are shown. The first that fits a
// statement has it.
var allSpecies = []species{
	{"schema", false, begins(`CREATE SCHEMA `)},
	{"table", true, begins(`CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?` + qualified)},
	{"type", true, begins(`CREATE (?:TYPE|DOMAIN) ` + qualified)},
	{"view", true, begins(`CREATE (?:OR REPLACE )?(?:MATERIALIZED )?VIEW ` + qualified)},
	{"function", true, begins(`CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE) ` + qualified)},
	{"sequence", false, begins(`CREATE SEQUENCE `)},
	{"index", false, begins(`CREATE (?:UNIQUE )?INDEX `)},
	{"foreign key", false, begins(`ALTER TABLE (?s:.*) FOREIGN KEY `)},
	{"trigger", false, begins(`CREATE (?:OR REPLACE )?(?:CONSTRAINT )?TRIGGER `)},
	{"policy", false, begins(`CREATE POLICY `)},
	{"comment", false, begins(`COMMENT ON `)},
	{"other statement", false, begins(``)},
}

// inventory says what statements create: a line for each kind whose names
// matter, and one with the counts of the others.
func inventory(statements []schema.Statement) []string {
	found := make([][]string, len(allSpecies))
	for _, s := range statements {
		i, named := classify(strings.TrimSpace(s.SQL))
		found[i] = append(found[i], named)
	}
	var lines, counts []string
	for i, k := range allSpecies {
		n := len(found[i])
		switch {
		case n == 0 || k.one == "schema":
		case k.named:
			lines = append(lines, count(n, k.one)+": "+namedOf(found[i]))
		case k.one == "foreign key":
			counts = append(counts, count(foreignKeys(statements), k.one))
		default:
			counts = append(counts, count(n, k.one))
		}
	}
	if len(counts) > 0 {
		lines = append(lines, strings.Join(counts, ", "))
	}
	return lines
}

// manyNamed is how many things of one kind are named.
const manyNamed = 30

func namedOf(all []string) string {
	if len(all) <= manyNamed {
		return strings.Join(all, ", ")
	}
	return strings.Join(all[:manyNamed], ", ") + ", … and " + thousands(len(all)-manyNamed) + " more"
}

func classify(sql string) (int, string) {
	for i, k := range allSpecies {
		if m := k.begin.FindStringSubmatch(sql); m != nil {
			return i, bare(m[len(m)-1])
		}
	}
	return len(allSpecies) - 1, ""
}

// foreignKeys counts keys, for one statement may add several.
func foreignKeys(statements []schema.Statement) int {
	n := 0
	for _, s := range statements {
		if i, _ := classify(strings.TrimSpace(s.SQL)); allSpecies[i].one == "foreign key" {
			n += strings.Count(s.SQL, " FOREIGN KEY ")
		}
	}
	return n
}

// bare takes the quotes off an identifier, for reading.
func bare(ident string) string {
	if len(ident) < 2 || ident[0] != '"' {
		return ident
	}
	ident = strings.ReplaceAll(ident[1:len(ident)-1], `""`, `"`)
	return strings.ReplaceAll(ident, "{{schema}}", "{schema}")
}
