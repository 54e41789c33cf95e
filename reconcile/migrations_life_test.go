package reconcile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantry/internal/pgtest"
	"tenantry/reconcile"
)

// fileWorlds runs a test of versioned files with either history, one of them
// through a pooler that keeps nothing of a session; in full size both of them
// both ways.
func fileWorlds(t *testing.T, test func(t *testing.T, w *world)) {
	for history, ways := range map[string][]string{"tenantry": {"direct", "pooled"}, "flyway": {"pooled", "direct"}} {
		for _, way := range ways[:pgtest.Size(1, 2)] {
			t.Run(history+" "+way, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, map[string]string{"atlas.hcl": strings.Replace(versioned, "format = flyway", "format = flyway\n    history = "+history, 1)})
				if way == "pooled" {
					w.pooled()
				}
				test(t, w)
			})
		}
	}
}

// files writes migrations by name and text.
func (w *world) files(files map[string]string) {
	w.t.Helper()
	for name, sql := range files {
		w.write(map[string]string{"migrations/app/" + name: sql})
	}
}

// applied returns which migrations a schema has behind it, as its history says.
func (w *world) applied(schema string) string {
	w.t.Helper()
	if value[bool](w, "SELECT to_regclass($1) IS NOT NULL", `"`+schema+`".flyway_schema_history`) {
		return value[string](w, `SELECT string_agg(coalesce('V ' || version, 'R ' || description), ', ' ORDER BY installed_rank) FROM "`+schema+`".flyway_schema_history WHERE success`)
	}
	return w.history(schema)
}

// A tenant is renamed, put aside, brought back and closed, each time with files
// that are pending: they reach it under whatever name it then has, once.
func TestPendingFilesFollowATenantThroughItsLife(t *testing.T) {
	t.Parallel()
	fileWorlds(t, func(t *testing.T, w *world) {
		w.files(map[string]string{
			"V1__init.sql":    "CREATE TABLE notes (id bigint PRIMARY KEY, text text);",
			"R__all.sql":      "CREATE OR REPLACE VIEW everything AS SELECT id FROM ${flyway:defaultSchema}.notes;",
			"R__counting.sql": "CREATE OR REPLACE FUNCTION counted() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM ${flyway:defaultSchema}.notes; END;",
		})
		w.say("acme, other")
		w.converge()
		w.exec("INSERT INTO tenant_acme.notes VALUES (1, 'kept')")
		step := func(file, sql, entry, run, schema string, versions int) {
			t.Helper()
			w.files(map[string]string{file: sql})
			w.say(entry + ", other")
			r := w.reconcile()
			if got := fmt.Sprint(r.Plan.Targets[0].Action, " ", r.Outcomes[0].Result); got != run || r.Outcomes[1].Result != reconcile.ResultApplied {
				t.Fatalf("%s: %s %s; the other: %s", file, got, r.Outcomes[0].Error, r.Outcomes[1].Result)
			}
			if plan := w.plan(); plan.Changes() {
				t.Fatalf("%s: a second run finds something to do:\n%s", file, statements(plan))
			}
			got := w.applied(schema)
			if n := strings.Count(got, "V "); n != versions {
				t.Fatalf("%s: %s has %s", file, schema, got)
			}
			w.wantKept(schema)
		}
		step("V2__size.sql", "ALTER TABLE notes ADD COLUMN size int;", "{id: acme2, was: acme}", "rename applied", "tenant_acme2", 2)
		step("V3__by_size.sql", "CREATE INDEX CONCURRENTLY by_size ON notes (size);\nUPDATE notes SET size = 1;", "{id: acme3, was: acme2}", "rename applied", "tenant_acme3", 3)
		if n := value[int](w, "SELECT tenant_acme3.counted()::int"); n != 1 {
			t.Errorf("the function under the new name counts %d", n)
		}
		step("V4__retired.sql", "ALTER TABLE notes ADD COLUMN four int;", "{id: acme3, state: retired}", "retire applied", w.retiredAs("acme3"), 3)
		step("V5__still.sql", "ALTER TABLE notes ADD COLUMN five int;", "{id: acme3, state: retired}", "none unchanged", w.retiredAs("acme3"), 3)
		step("V6__back.sql", "CREATE INDEX CONCURRENTLY by_text ON notes (text);", "acme3", "restore applied", "tenant_acme3", 6)
		step("V7__closed.sql", "ALTER TABLE notes ADD COLUMN seven int;", "{id: acme3, state: suspended}", "suspend applied", "tenant_acme3", 7)
		step("V8__closed.sql", "ALTER TABLE notes ADD COLUMN eight int;", "{id: acme3, state: suspended}", "change applied", "tenant_acme3", 8)
		w.say("acme3, other, fresh")
		w.converge()
		if got, want := w.fingerprints("tenant_acme3")["tenant_acme3"], w.fingerprints("tenant_fresh")["tenant_fresh"]; got != want {
			t.Error("it is not what a new tenant is")
		}
	})
}

// retiredAs is what the schema of a tenant is called that is retired today.
func (w *world) retiredAs(id string) string {
	return "retired_tenant_" + id + "_" + value[string](w, "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')")
}

// A text that PostgreSQL does not read, such as the body of a function, is no
// place for the schema's name: it would be another one in each tenant. Where files
// have put it there, a later one may take it out.
func TestASchemasNameInATextIsRefusedUntilAFileTakesItOut(t *testing.T) {
	t.Parallel()
	const named = "CREATE OR REPLACE FUNCTION counted() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM ${flyway:defaultSchema}.posts); END $$;"
	w := newWorld(t, map[string]string{
		"atlas.hcl":    strings.Replace(versioned, "format = flyway", "format = flyway\n    baseline = \"1\"", 1),
		"tenants.yaml": tenants("acme"), "migrations/app/V1__init.sql": posts + "\n\n" + named,
	})
	w.adopt = true
	if got := w.wrong(); !strings.Contains(got, "V1__init.sql:3:1: error[schema-in-text]: the function counted() has the name of the schema in its text") {
		t.Errorf("it says %q", got)
	}
	w.exec("CREATE SCHEMA tenant_acme")
	w.as("tenant_acme", posts+strings.ReplaceAll(named, "${flyway:defaultSchema}", "tenant_acme"))
	w.files(map[string]string{"V2__nameless.sql": strings.ReplaceAll(named, "${flyway:defaultSchema}.", "")})
	w.write(map[string]string{"tenants.yaml": tenants("acme", "fresh")})
	if plan := w.plan(); len(stepOf(plan, targetOf(plan, "tenant_acme")).Statements) != 1 {
		t.Errorf("there is more than the file to run:\n%s", statements(plan))
	}
	w.converge()
	if got := w.history("tenant_acme"); got != "V 1, V 2" {
		t.Errorf("recorded: %s", got)
	}
	w.files(map[string]string{"V3__path.sql": "ALTER FUNCTION counted() SET search_path FROM CURRENT;"})
	if got := w.wrong(); !strings.Contains(got, "V3__path.sql:1:1: error[schema-in-text]") {
		t.Errorf("of a search_path it says %q", got)
	}
}

// One schema of two services, of which one comes about by files and the other by
// HCL: both change in the same run, and what one refers to of the other is there.
func TestFilesAndHCLOfOneSchemaChangeTogether(t *testing.T) {
	t.Parallel()
	fileWorlds(t, func(t *testing.T, w *world) {
		project, err := os.ReadFile(filepath.Join(w.dir, "atlas.hcl"))
		if err != nil {
			t.Fatal(err)
		}
		w.write(map[string]string{
			"atlas.hcl": string(project) + "env \"web\" {\n  src = [\"file://web.hcl\", \"file://web.sql\"]\n}\n",
			"web.hcl":   head + notes(""), "web.sql": "CREATE VIEW noted AS SELECT id FROM notes;",
			"tenants.yaml": tenants("acme", "{id: files, services: [app]}", "{id: hcl, services: [web]}"),
		})
		w.files(map[string]string{"V1__init.sql": posts})
		w.converge()
		w.exec("INSERT INTO tenant_acme.notes VALUES (1, 'kept'); INSERT INTO tenant_acme.posts VALUES (1, 'kept')")
		w.files(map[string]string{
			"V2__more.sql":  "ALTER TABLE posts ADD COLUMN more text;\nUPDATE posts SET more = title;",
			"V3__apart.sql": "CREATE INDEX CONCURRENTLY by_more ON posts (more);",
			"R__posted.sql": "CREATE OR REPLACE VIEW posted AS SELECT id, more FROM posts;",
		})
		w.write(map[string]string{"web.hcl": head + notes(sized), "web.sql": "CREATE VIEW noted AS SELECT id, size FROM notes;", "tenants.yaml": tenants("acme", "{id: files, services: [app]}", "{id: hcl, services: [web]}", "fresh")})
		w.converge()
		w.wantKept("tenant_acme")
		if got := value[string](w, "SELECT more FROM tenant_acme.posted"); got != "kept" {
			t.Errorf("the view shows %q", got)
		}
		for _, name := range []string{"tenant_acme", "tenant_files", "tenant_fresh"} {
			if got := w.applied(name); got != "V 1, V 2, V 3, R posted" {
				t.Errorf("%s has %s", name, got)
			}
		}
		if diff := cmp.Diff(w.lines("tenant_fresh"), w.lines("tenant_acme")); diff != "" {
			t.Error(diff)
		}
		// The HCL alone, and then a file that fails beside it.
		w.write(map[string]string{"web.hcl": head + notes(sized+strings.ReplaceAll(sized, "size", "weight"))})
		w.converge()
		w.write(map[string]string{"web.hcl": head + notes(sized)})
		w.files(map[string]string{"V4__fails.sql": "ALTER TABLE posts ADD COLUMN late text;\nDO $$ BEGIN IF EXISTS (SELECT FROM posts) THEN RAISE EXCEPTION 'not with rows'; END IF; END $$;"})
		w.allowDestructive = true
		r := w.reconcile()
		if o := r.Outcomes[0]; o.Result != reconcile.ResultFailed || !strings.Contains(o.Error, "V4__fails.sql:2") {
			t.Errorf("acme: %s %s", o.Result, o.Error)
		}
		w.exec("DELETE FROM tenant_acme.posts")
		w.converge()
	})
}

// With drift: report a versioned schema that somebody has changed is left as it
// is, files and all, and told; the others go on. What Flyway has done is no drift.
func TestDriftOfAVersionedSchemaIsLeftIfThePolicySaysSo(t *testing.T) {
	t.Parallel()
	fileWorlds(t, func(t *testing.T, w *world) {
		w.write(map[string]string{"tenants.yaml": "policy: {drift: report}\n" + tenants("acme", "globex")})
		w.files(map[string]string{"V1__init.sql": posts})
		w.converge()
		w.exec("ALTER TABLE tenant_acme.posts ALTER COLUMN title SET DEFAULT 'by hand'")
		for _, files := range []map[string]string{{}, {"V2__more.sql": "ALTER TABLE posts ADD COLUMN more text;"}, {"V3__apart.sql": "CREATE INDEX CONCURRENTLY by_more ON posts (more);"}} {
			w.files(files)
			r := w.reconcile()
			if target := r.Plan.Targets[0]; target.Action != reconcile.ActionBlocked || target.Reason != reconcile.ReasonDrifted || !slices.Equal(target.Drift, []string{"default posts.title: unexpected"}) {
				t.Errorf("acme: %s %s %q", target.Action, target.Reason, target.Drift)
			}
			if o := r.Outcomes[1]; o.Result == reconcile.ResultBlocked || o.Result == reconcile.ResultFailed {
				t.Errorf("globex: %s %s", o.Result, o.Error)
			}
		}
		if got, want := w.applied("tenant_acme")+"; "+w.applied("tenant_globex"), "V 1; V 1, V 2, V 3"; got != want {
			t.Errorf("recorded: %s, want %s", got, want)
		}
		w.write(map[string]string{"tenants.yaml": tenants("acme", "globex")})
		w.converge()
		if diff := cmp.Diff(w.lines("tenant_globex"), w.lines("tenant_acme")); diff != "" {
			t.Error(diff)
		}
	})
}
