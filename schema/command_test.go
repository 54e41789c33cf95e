package schema

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatementsAreTakenApart(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]command{
		`ALTER TABLE "s"."t" ADD COLUMN "a" numeric(10,2) NOT NULL, ADD CONSTRAINT "c" CHECK ((a > 0) AND (b <> ',);'''))`: {
			verb: "ALTER TABLE", table: `"s"."t"`, clauses: []clause{
				{"ADD", "COLUMN", `"a"`, "numeric(10,2)", "NOT", "NULL"},
				{"ADD", "CONSTRAINT", `"c"`, "CHECK", "((a > 0) AND (b <> ',);'''))"},
			}},
		`ALTER TABLE ONLY t ALTER COLUMN "we,ird" TYPE text USING "we,ird"::text; -- done`: {
			verb: "ALTER TABLE", table: "t", clauses: []clause{{"ALTER", "COLUMN", `"we,ird"`, "TYPE", "text", "USING", `"we,ird"::text`}}},
		`CREATE UNIQUE INDEX CONCURRENTLY "i" ON "s"."t" USING btree (lower(a), "b" DESC) WHERE (a > 0)`: {
			verb: "CREATE INDEX", unique: true, name: `"i"`, table: `"s"."t"`, rest: []string{"USING", "btree", `(lower(a), "b" DESC)`, "WHERE", "(a > 0)"}},
		`DROP INDEX CONCURRENTLY "s"."i"`:     {verb: "DROP INDEX", name: `"s"."i"`},
		`DROP INDEX {schema}.i`:               {verb: "DROP INDEX", name: "{schema}.i"},
		`ALTER TABLE {schema}.t RENAME TO u`:  {verb: "ALTER TABLE", table: "{schema}.t", clauses: []clause{{"RENAME", "TO", "u"}}},
		`DROP TABLE "s"."t"`:                  {verb: "DROP TABLE", table: `"s"."t"`},
		`COMMENT ON TABLE t IS 'ALTER TABLE'`: {},
		`CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ ALTER TABLE x DROP COLUMN y $$`: {},
	} {
		if diff := cmp.Diff(want, commandOf(sql), cmp.AllowUnexported(command{})); diff != "" {
			t.Errorf("%s:\n%s", sql, diff)
		}
	}
	for name, want := range map[string]string{`"a"."b.c"`: "b.c", `"a""b"`: `a"b`, "Abc": "abc", `x."Y"`: "Y"} {
		if got := bareName(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
}

func FuzzStatementsAreTakenApart(f *testing.F) {
	f.Add(`ALTER TABLE "a" ADD CHECK (x > ')'), DROP COLUMN b`)
	f.Add(`CREATE INDEX i ON t ((a || 'b'))`)
	f.Add(`"`)
	f.Fuzz(func(_ *testing.T, sql string) {
		for _, c := range commandOf(sql).clauses {
			c.text()
		}
		_ = bareName(sql)
	})
}
