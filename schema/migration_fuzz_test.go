package schema

import (
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"

	"tenantry/internal/diag"
)

// FuzzMigrationText reads any text as a file of each format: it is cut into
// statements that stand in it, one after the other, or refused.
func FuzzMigrationText(f *testing.F) {
	for _, text := range []string{
		"", ";", "SELECT 1; -- a;\nSELECT 'x;''y';", "SELECT E'it\\'s; \\\\', 'b\\', $x$\\'$x$; SELECT $$;$$", "/* ; /* */ */ SELECT 1", "BEGIN;\nSELECT 1;\nCOMMIT;",
		"-- +goose Up\nSELECT 1;\n-- +goose StatementBegin\nSELECT 2\n-- +goose StatementEnd\n-- +goose Down\nSELECT 3;", "-- +goose NO TRANSACTION\n--+goose Up\r\nSELECT 1;\r\n",
		"--liquibase formatted sql\n--changeset me:1 runInTransaction:false dbms:postgresql\nSELECT 1;\n--rollback SELECT 2;", "-- atlas:txmode none\n\nSELECT 1;",
		"CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;", "create unique index concurrently if not exists \"a b\" on only t (x);",
		"SET search_path = x; SELECT set_config('a', 'b', false);", "{name} {{schema} {ident}${flyway:defaultSchema}.x '${a}'", "\ufeffSELECT 1;", "ALTER TYPE t ADD VALUE 'x' BEFORE 'y';", "SELECT 'open", "$a$ $b$", "\x00;\xff;",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range Formats {
			var diags diag.List
			d := &Directory{Format: format, Table: "flyway_schema_history", scripts: map[string]string{"V1__a.sql": text}, Placeholders: map[string]string{"a": "b"}}
			name := "1_a.sql"
			if format == FormatFlyway {
				name = "V1__a.sql"
			}
			m := d.migration(&diags, migrate.NewLocalFile(name, []byte(text)), nil)
			if diags.HasErrors() {
				continue
			}
			at := 0
			for i, s := range m.statements {
				if s.SQL == "" || m.parts[i].begin < at || m.parts[i].end < m.parts[i].begin || m.parts[i].end > len(m.text) {
					t.Fatalf("%s: statement %d is %q at %v", format, i, s.SQL, m.parts[i])
				}
				if !strings.HasPrefix(s.SQL, "SET LOCAL ") && !strings.Contains(s.SQL, "true") && !strings.Contains(text, `\'`) {
					next := strings.Index(m.text[at:], s.SQL)
					if next < 0 {
						t.Fatalf("%s: statement %d, %q, does not stand in %q behind what comes before it", format, i, s.SQL, m.text)
					}
					at += next + len(s.SQL)
				}
				if s.Transactional == isConcurrent(s.SQL) || m.Transactional && !s.Transactional {
					t.Fatalf("%s: %q is transactional: %v, in a file that is so: %v", format, s.SQL, s.Transactional, m.Transactional)
				}
			}
			if again := m.Prefix(m.Len() + 1); again != m.Prefix(m.Len()) {
				t.Fatalf("%s: the prefix of all statements is none", format)
			}
		}
	})
}

// FuzzPlaceholders has any text as a file of Flyway's: what is no placeholder is for
// each target what it is in the file, whatever it looks like.
func FuzzPlaceholders(f *testing.F) {
	for _, text := range []string{"", "${a}", "${A} ${ a}", "x ${flyway:defaultSchema}.y", `"${flyway:defaultSchema}".y`, "${flyway:user}@${flyway:database}", "{name}{{name}{{{name}}}{schema}{{schema}{user}", "${", "${}", "${a${a}}", "$a$${a}$a$", "{from_role}{role}", "${user}", "${schema}${brace}", "{${flyway:user}}", "{{${flyway:user}}}", "{${b}}", "{brace}${flyway:user}", "${a}${flyway:database}}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const value = "{name} 'of' {schema} {{user}"
		var diags diag.List
		d := &Directory{Format: FormatFlyway, Table: "flyway_schema_history", Placeholders: map[string]string{"a": value, "b": "user", "user": "me {"}}
		m := &Migration{Script: "V1__a.sql", Directory: d}
		got := d.replacePlaceholders(&diags, m, text, nil)
		if diags.HasErrors() {
			return
		}
		n := Names{Schema: "we-ird", User: "{user}", Database: "db"}
		values := map[string]string{"${a}": value, "${b}": "user", "${user}": "me {", "${flyway:user}": n.User, "${flyway:database}": n.Database, "${flyway:filename}": "V1__a.sql", "${flyway:table}": d.Table}
		have, end := Statement{SQL: got, Named: true}.With(n).SQL, 0
		take := func(wants ...string) {
			for _, want := range wants {
				if rest, ok := strings.CutPrefix(have, want); ok {
					have = rest
					return
				}
			}
			t.Fatalf("%q became %q, and at %q there should be %q", text, got, have, wants)
		}
		for _, at := range placeholder.FindAllStringIndex(text, -1) {
			take(text[end:at[0]])
			if p := strings.ToLower(text[at[0]:at[1]]); p == "${flyway:defaultschema}" {
				take(QuoteIdent(n.Schema), n.Schema) // quoted where it qualifies another name
			} else {
				take(values[p])
			}
			end = at[1]
		}
		if take(text[end:]); have != "" {
			t.Fatalf("%q leaves %q", text, have)
		}
	})
}

// FuzzVersions compares any versions: as an order does, and as the same where they
// are written in another way only.
func FuzzVersions(f *testing.F) {
	for _, v := range [][3]string{{"1", "01", "1.0"}, {"1.2", "1_2", "1.10"}, {"20240101", "9", "999999999999999999999999"}, {"", "0", "."}, {"1..2", "1.2", "x"}} {
		f.Add(v[0], v[1], v[2])
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		ab, bc, ac := compareVersions(a, b), compareVersions(b, c), compareVersions(a, c)
		if ab != -compareVersions(b, a) || ab <= 0 && bc <= 0 && ac > 0 {
			t.Fatalf("%q, %q, %q: %d %d %d", a, b, c, ab, bc, ac)
		}
		if same := canonicalVersion(a) == canonicalVersion(b); same != (ab == 0) {
			t.Fatalf("%q and %q are the same: %v, and compare as %d", a, b, same, ab)
		}
		if m := flywayName.FindStringSubmatch("V" + a + "__" + b + ".sql"); m != nil && compareVersions(m[2], strings.ReplaceAll(m[2], "_", ".")) != 0 {
			t.Fatalf("%q is another version with dots", m[2])
		}
	})
}

// FuzzForesee has any labels added to an enum, and renamed: in the end it has them,
// and before that none that comes later is shown.
func FuzzForesee(f *testing.F) {
	f.Add("fine", "new", "BEFORE", "newer")
	f.Add("it's", "a;b", "AFTER", "it's")
	f.Add("", "x\\y", "", "{name}")
	f.Add("a", "b", "BEFORE", "a")
	f.Fuzz(func(t *testing.T, first, second, side, third string) {
		q := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
		var all []Statement
		for _, sql := range []string{
			"CREATE TYPE t AS ENUM (" + q(first) + ")", "ALTER TYPE t ADD VALUE " + q(second), "ALTER TYPE t RENAME VALUE " + q(first) + " TO " + q(third), "ALTER TYPE t RENAME TO u",
			"ALTER TYPE u ADD VALUE IF NOT EXISTS 'last' " + side + " " + q(third), "SELECT 1",
		} {
			all = append(all, Statement{SQL: sql})
		}
		ahead := foresee(all)
		if len(ahead.statements) != len(all) {
			t.Fatalf("%d statements became %d", len(all), len(ahead.statements))
		}
		for i := range all {
			for name, e := range ahead.now {
				if name == "t" && i > 3 || len(e.labels) == 0 {
					t.Fatalf("after %d statements there is %s %+v", i, name, e)
				}
			}
			ahead.next(1)
		}
		for _, e := range ahead.now {
			for _, l := range e.labels {
				if l.hidden || l.now != l.last {
					t.Fatalf("in the end %+v", l)
				}
			}
		}
	})
}
