package reconcile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// flywayCase is one rule of Flyway's: files that are applied, files that replace
// or join them, and what comes of that.
type flywayCase struct {
	rule  string
	block string            // more of the migration block
	first map[string]string // nil: the tenant is new when then comes
	then  map[string]string // a file that is "" is taken away
	wrong string            // a part of what keeps it from being applied
	want  string            // else what is recorded in the end
	check string            // and a query that is true then
}

const posts = "CREATE TABLE posts (id bigint PRIMARY KEY, title text);"

// flywayCases are the rules that docs/migrations.md lists.
var flywayCases = []flywayCase{
	{rule: "versions are compared number by number", first: map[string]string{
		"V1__a.sql": posts, "V10__c.sql": "ALTER TABLE posts DROP COLUMN extra;", "V9__b.sql": "ALTER TABLE posts ADD COLUMN extra int;"},
		want: "V 1, V 9, V 10"},
	{rule: "dots and underscores separate, and zeros do not count", first: map[string]string{
		"V1.2__a.sql": posts, "V001_10__b.sql": "ALTER TABLE posts ADD COLUMN b int;"}, want: "V 1.2, V 1.10"},
	{rule: "two files of one version are refused", first: map[string]string{"V1__a.sql": posts, "V1.0__b.sql": "SELECT 1;"}, wrong: "has the version of V1"},
	{rule: "a changed version is refused", first: map[string]string{"V1__a.sql": posts}, then: map[string]string{"V1__a.sql": posts + "\n-- more"}, wrong: "changed after it was applied"},
	{rule: "the ends of lines do not count", first: map[string]string{"V1__a.sql": posts + "\n-- x\n"}, then: map[string]string{"V1__a.sql": "\ufeff" + posts + "\r\n-- x"}, want: "V 1"},
	{rule: "a version that comes late is refused", first: map[string]string{"V1__a.sql": posts, "V3__c.sql": "SELECT 1;"}, then: map[string]string{"V2__b.sql": "SELECT 2;"}, wrong: "comes before 3"},
	{rule: "outOfOrder applies it", block: "exec_order = NON_LINEAR", first: map[string]string{"V1__a.sql": posts, "V3__c.sql": "SELECT 1;"}, then: map[string]string{"V2__b.sql": "SELECT 2;"}, want: "V 1, V 3, V 2"},
	{rule: "LINEAR_SKIP leaves it out", block: "exec_order = LINEAR_SKIP", first: map[string]string{"V1__a.sql": posts, "V3__c.sql": "SELECT 1;"}, then: map[string]string{"V2__b.sql": "SELECT 2;"}, want: "V 1, V 3"},
	{rule: "a version that was applied and is gone is refused", first: map[string]string{"V1__a.sql": posts, "V2__b.sql": "SELECT 1;"}, then: map[string]string{"V2__b.sql": ""}, wrong: "V2__b.sql was applied and is not in"},
	{rule: "repeatable ones come last, by description", first: map[string]string{
		"R__b.sql": "CREATE OR REPLACE VIEW b AS SELECT * FROM a;", "R__a.sql": "CREATE OR REPLACE VIEW a AS SELECT id FROM posts;", "V1__x.sql": posts}, want: "V 1, R a, R b"},
	{rule: "a repeatable one runs again when it has changed", first: map[string]string{"V1__x.sql": posts, "R__a.sql": "CREATE OR REPLACE VIEW a AS SELECT id FROM posts;"},
		then: map[string]string{"R__a.sql": "CREATE OR REPLACE VIEW a AS SELECT id, title FROM posts;", "V2__y.sql": "SELECT 1;"}, want: "V 1, V 2, R a",
		check: "SELECT count(*) = 2 FROM pg_attribute WHERE attrelid = '{schema}.a'::regclass AND attnum > 0"},
	{rule: "a repeatable one that is gone stays recorded", first: map[string]string{"V1__x.sql": posts, "R__a.sql": "SELECT 1;"}, then: map[string]string{"R__a.sql": ""}, want: "V 1, R a"},
	{rule: "a repeatable one runs again when a placeholder has changed", block: `placeholders = { least = "1" }`, first: map[string]string{"V1__x.sql": posts, "R__a.sql": "CREATE OR REPLACE VIEW a AS SELECT id FROM posts WHERE id > ${least};"},
		then: map[string]string{"block": `placeholders = { least = "2" }`}, want: "V 1, R a", check: "SELECT pg_get_viewdef('{schema}.a') LIKE '%> 2%'"},
	{rule: "a placeholder without a value is refused", first: map[string]string{"V1__a.sql": "-- ${nobody}\n" + posts}, wrong: "no value is given for the placeholder ${nobody}"},
	{rule: "flyway:defaultSchema, flyway:user and flyway:database have values", first: map[string]string{
		"V1__a.sql": "CREATE TABLE who AS SELECT '${flyway:defaultSchema}' AS s, '${flyway:user}' AS u, '${flyway:database}' AS d, '${flyway:filename}' AS f;\nCOMMENT ON TABLE \"${flyway:defaultSchema}\".who IS 'x';"},
		want: "V 1", check: "SELECT s = '{schema}' AND u = current_user AND d = current_database() AND f = 'V1__a.sql' FROM {schema}.who"},
	{rule: "placeholderReplacement=false leaves them", first: map[string]string{"V1__a.sql": posts + "INSERT INTO posts VALUES (1, '${x}');", "V1__a.sql.conf": "placeholderReplacement=false\n"},
		want: "V 1", check: "SELECT title = '${x}' FROM {schema}.posts"},
	{rule: "a baseline stands for what comes before, in a new schema", first: map[string]string{"B2__base.sql": posts + "ALTER TABLE posts ADD COLUMN b int;", "V1__a.sql": posts, "V2__b.sql": "ALTER TABLE posts ADD COLUMN b int;", "V3__c.sql": "ALTER TABLE posts ADD COLUMN c int;"}, want: "B 2, V 3"},
	{rule: "a baseline is nothing to a schema that has begun", first: map[string]string{"V1__a.sql": posts, "V9__b.sql": "ALTER TABLE posts ADD COLUMN b int;"},
		then: map[string]string{"B9__base.sql": posts + "ALTER TABLE posts ADD COLUMN b int;", "V10__c.sql": "ALTER TABLE posts ADD COLUMN c int;"}, want: "V 1, V 9, V 10"},
	{rule: "undo migrations are left alone", first: map[string]string{"V1__a.sql": posts, "U1__a.sql": "DROP TABLE posts;"}, want: "V 1"},
	{rule: "callbacks are refused", first: map[string]string{"V1__a.sql": posts, "afterMigrate.sql": "SELECT 1;"}, wrong: "callbacks are not run"},
	{rule: "other names are refused", first: map[string]string{"V1_a.sql": posts}, wrong: "not a name that Flyway knows"},
	{rule: "folders in it count, hidden ones do not", first: map[string]string{"2024/V1__a.sql": posts, "V2__b.sql": "SELECT 1;", ".old/V0__x.sql": "SELECT nothing;"}, want: "V 1, V 2"},
	{rule: "a file that has its own transaction is one anyway", first: map[string]string{"V1__a.sql": "BEGIN;\n" + posts + "\nCOMMIT;"}, want: "V 1"},
	{rule: "a file with CONCURRENTLY is no transaction", first: map[string]string{"V1__a.sql": posts, "V2__b.sql": "create index concurrently by_title on posts (title);\nINSERT INTO posts VALUES (1, 'x');"}, want: "V 1, V 2",
		check: "SELECT indisvalid AND (SELECT count(*) FROM {schema}.posts) = 1 FROM pg_index WHERE indexrelid = '{schema}.by_title'::regclass"},
	{rule: "executeInTransaction=false is heeded", first: map[string]string{"V1__a.sql": posts + "\nALTER TABLE posts ADD COLUMN b int;", "V1__a.sql.conf": "executeInTransaction=false"}, want: "V 1"},
	{rule: "dollar quotes, strings and comments hold semicolons", first: map[string]string{"V1__a.sql": posts + `
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
	NEW.title := 'a;b'; -- ; here
	RETURN NEW;
END;
$body$;
/* ; */ CREATE TRIGGER t BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION f();
DO $$ BEGIN PERFORM 1; END $$;
CREATE FUNCTION g() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;
INSERT INTO posts VALUES (1, E'it\'s; so');`}, want: "V 1", check: "SELECT title = 'a;b' FROM {schema}.posts"},
	{rule: "settings end with the file", first: map[string]string{"V1__a.sql": "SET statement_timeout = 0;\nSELECT pg_catalog.set_config('default_tablespace', '', false);\n" + posts}, want: "V 1"},
	{rule: "what reaches beyond the schema is refused", first: map[string]string{"V1__a.sql": "CREATE SCHEMA other;"}, wrong: "CREATE SCHEMA does not belong in a migration"},
	{rule: "a file that does not work is told with its place, and nothing is touched", first: map[string]string{"V1__a.sql": posts, "V2__b.sql": "SELECT 1;\n\nSELECT nothing;"}, wrong: "V2__b.sql:3:8: error[migration-fails]"},
}

func TestFlywayRules(t *testing.T) {
	t.Parallel()
	const workers = 3
	for k := range workers {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			for i := k; i < len(flywayCases); i += workers {
				w.flyway(t, fmt.Sprintf("t%d", i), flywayCases[i])
			}
		})
	}
}

// flyway goes through one case with a tenant of its own.
func (w *world) flyway(t *testing.T, id string, c flywayCase) {
	dir := filepath.Join(w.dir, "migrations")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	set := func(files map[string]string) {
		block := c.block
		for name, content := range files {
			switch path := filepath.Join(dir, name); {
			case name == "block":
				block = content
			case content == "":
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			default:
				w.write(map[string]string{"migrations/" + name: content})
			}
		}
		w.write(map[string]string{"tenants.yaml": tenants(id), "atlas.hcl": "env \"app\" {\n migration {\n dir = \"file://migrations\"\n format = flyway\n " + block + "\n }\n}\n"})
	}
	set(c.first)
	if c.then != nil {
		w.converge()
		set(c.then)
	}
	if got := w.wrong(); (got == "") != (c.wrong == "") || !strings.Contains(got, c.wrong) {
		t.Errorf("%s: wrong is %q, want %q", c.rule, got, c.wrong)
	}
	if c.wrong != "" {
		return
	}
	w.converge()
	if got := w.history("tenant_" + id); got != c.want {
		t.Errorf("%s: recorded: %s, want %s", c.rule, got, c.want)
	}
	if c.check != "" && !value[bool](w, strings.ReplaceAll(c.check, "{schema}", "tenant_"+id)) {
		t.Errorf("%s: not so: %s", c.rule, c.check)
	}
}
