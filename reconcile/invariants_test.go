package reconcile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
	"tenantry/internal/postgres"
	"tenantry/internal/report"
	"tenantry/reconcile"
	"tenantry/schema"
)

// What must always hold, a test for each line of the design's list. Other tests
// go deeper into most of them; these are the shortest that fail when one is lost.

func TestInvariant1DryRunChangesNothingDurable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, product())
	before := w.everything()
	w.plan()
	if diff := cmp.Diff(before, w.everything()); diff != "" {
		t.Errorf("planning for an empty database changed it:\n%s", diff)
	}
	w.converge()
	w.exec("INSERT INTO tenant_acme.users VALUES (1, NULL, 'a')")
	w.exec("DROP INDEX tenant_globex.users_email_idx")
	w.write(map[string]string{"app.hcl": app(age)})
	before = w.everything()
	if !w.plan().Changes() {
		t.Fatal("there is nothing to change")
	}
	if diff := cmp.Diff(before, w.everything()); diff != "" {
		t.Errorf("planning a change changed the database:\n%s", diff)
	}
}

func TestInvariant1DryRunSaysExactlyWhatAnApplyDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, product())
	for _, definition := range []string{app(""), app(age), app("")} {
		w.allowDestructive = true
		w.write(map[string]string{"app.hcl": definition})
		said := planJSON(t, w.plan())
		report := w.reconcile()
		if diff := cmp.Diff(said, planJSON(t, report.Plan)); diff != "" {
			t.Errorf("the dry run said something else than the apply:\n%s", diff)
		}
		w.checkDone(report)
	}
}

// checkDone compares what a report says was run with what is on record.
func (w *world) checkDone(r *reconcile.Report) {
	w.t.Helper()
	for i := range r.Plan.Targets {
		target := &r.Plan.Targets[i]
		if target.Action == reconcile.ActionNone {
			continue
		}
		if r.Outcomes[i].Result != reconcile.ResultApplied {
			w.t.Errorf("%s: %s %s", target.Key(), r.Outcomes[i].Result, r.Outcomes[i].Error)
			continue
		}
		var said []string
		for _, s := range stepOf(r.Plan, target).Statements {
			said = append(said, s.For(target.Schema))
		}
		done := value[[]string](w, "SELECT statements FROM tenantry.change WHERE schema = $1 ORDER BY id DESC LIMIT 1", target.Schema)
		if diff := cmp.Diff(said, done); diff != "" {
			w.t.Errorf("%s: not what was said:\n%s", target.Key(), diff)
		}
	}
}

// A role that may only read plans new tenants from what was compiled before, and
// everything where there is a dev database.
func TestInvariant1DryRunNeedsOnlyToRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, product())
	w.converge()
	w.exec("DROP INDEX tenant_globex.users_email_idx")
	w.write(map[string]string{"tenants.yaml": strings.Replace(product()["tenants.yaml"], "- acme", "- acme\n  - hooli", 1)})
	reader, dev := w.reader(), pgtest.URL(t)

	t.Run("given a compiled blueprint", func(t *testing.T) {
		w.exec("CREATE INDEX users_email_idx ON tenant_globex.users (email)")
		want := planJSON(t, w.plan())
		if diff := cmp.Diff(want, planJSON(t, reader.plan())); diff != "" {
			t.Errorf("not the plan of a role that may do everything:\n%s", diff)
		}
	})
	t.Run("given a dev database", func(t *testing.T) {
		w.exec("ALTER TABLE tenant_globex.users ALTER email DROP NOT NULL")
		files := map[string]string{"app.hcl": app(age), "atlas.hcl": strings.ReplaceAll(product()["atlas.hcl"], "  src", "  dev = \""+dev+"\"\n  src")}
		w.write(files)
		want := planJSON(t, w.plan())
		if diff := cmp.Diff(want, planJSON(t, reader.plan())); diff != "" {
			t.Errorf("not the plan of a role that may do everything:\n%s", diff)
		}
	})
	report := w.reconcile()
	w.checkDone(report)
}

// reader is the same world as a role sees it that may only read.
func (w *world) reader() *world {
	w.t.Helper()
	url := pgtest.Role(w.t, w.url, "NOSUPERUSER NOCREATEDB")
	role := pgx.Identifier{pgtest.RoleName(url)}.Sanitize()
	w.exec("GRANT pg_read_all_data TO " + role)
	w.exec("ALTER ROLE " + role + " SET default_transaction_read_only = on")
	db, err := postgres.Open(context.Background(), "main", pgtest.Via(w.t, url), 5)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(db.Close)
	r := *w
	r.url, r.db = url, db
	return &r
}

func TestInvariant2TheSecondRunPlansNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, product())
	w.converge()
	var before []string
	for _, run := range []string{"second", "third"} {
		before = w.everything()
		again := w.reconcile()
		if n := again.Count(reconcile.ResultUnchanged); n != len(again.Outcomes) || len(again.Plan.Steps) > 0 {
			t.Errorf("the %s run: %+v", run, again.Plan.Summary)
		}
	}
	// The second run may have recorded that a token had moved for nothing: that
	// of the shared service, when tenants came to refer to it.
	if diff := cmp.Diff(before, w.everything()); diff != "" {
		t.Errorf("the third run changed the database:\n%s", diff)
	}
	// In sync is what PostgreSQL's own definitions say, not only Atlas: it does
	// not see DEFERRABLE.
	w.exec("ALTER TABLE tenant_acme.users ALTER CONSTRAINT person DEFERRABLE")
	if plan := w.plan(); plan.Summary.Drifted != 1 {
		t.Errorf("a constraint that became DEFERRABLE: %+v", plan.Summary)
	}
	w.converge()
}

func TestInvariant3EvolvedEqualsCreated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, product())
	w.converge()
	w.write(map[string]string{"app.hcl": app(age)})
	w.converge()
	w.write(map[string]string{
		"app.hcl":      app(size + age),
		"tenants.yaml": strings.Replace(product()["tenants.yaml"], "- acme", "- acme\n  - today", 1),
	})
	w.converge()
	prints := w.fingerprints("tenant_acme", "tenant_today")
	if prints["tenant_acme"] != prints["tenant_today"] {
		t.Errorf("evolved and created differ:\n%s", cmp.Diff(w.lines("tenant_today"), w.lines("tenant_acme")))
	}
	samePgDump(t, w, "tenant_acme", "tenant_today")
}

func TestInvariant4RemovingATenantNeverDropsData(t *testing.T) {
	t.Parallel()
	w := newWorld(t, product())
	w.converge()
	w.exec("INSERT INTO tenant_globex.users VALUES (1, NULL, 'g')")
	w.allowDestructive = true
	for _, file := range []string{
		"shared: [people]\ndefaults: {services: [app, shop]}\npolicy: {destructive: allow}\ntenants: [acme]\n",
		"defaults: {services: [app]}\npolicy: {destructive: allow}\nallow_empty: true\ntenants: []\n",
	} {
		w.write(map[string]string{"tenants.yaml": file})
		report := w.reconcile()
		if report.Failed() || len(report.Plan.Steps) > 0 {
			t.Errorf("removing lines: %+v", report.Plan.Summary)
		}
		if got := value[string](w, "SELECT email FROM tenant_globex.users"); got != "g" {
			t.Errorf("a row has gone: %q", got)
		}
	}
	if got := value[int](w, "SELECT count(*) FROM pg_namespace WHERE nspname IN ('people', 'tenant_acme', 'tenant_globex', 'tenant_initech')"); got != 4 {
		t.Errorf("%d schemas of 4 are left", got)
	}
}

func TestInvariant5OneFailureIsOneTenants(t *testing.T) {
	t.Parallel()
	w := newWorld(t, product())
	w.converge()
	w.exec("INSERT INTO tenant_globex.users VALUES (1, NULL, 'g')")
	before := w.lines("tenant_globex")
	w.write(map[string]string{"app.hcl": app(size)})
	report := w.reconcile()
	for i, target := range report.Plan.Targets {
		want := reconcile.ResultApplied
		switch {
		case target.Shared:
			want = reconcile.ResultUnchanged
		case target.Tenant == "globex":
			want = reconcile.ResultFailed
		}
		if got := report.Outcomes[i]; got.Result != want {
			t.Errorf("%s: %s %s", target.Key(), got.Result, got.Error)
		}
	}
	if diff := cmp.Diff(before, w.lines("tenant_globex")); diff != "" {
		t.Errorf("the tenant that failed is not as it was:\n%s", diff)
	}
	w.exec("DELETE FROM tenant_globex.users")
	w.converge()
}

// Passwords are tested where all the ways are that they could come in and out:
// see TestPasswordIsNeverShown… and TestPasswordIsNotOnRecord of the command.
// Here it is the way between: nothing that this package makes of a database
// names its URL.
func TestInvariant6NoPasswordInPlansAndErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, product())
	config, err := pgx.ParseConfig(w.url)
	if err != nil {
		t.Fatal(err)
	}
	done := w.converge()
	w.exec("INSERT INTO tenant_globex.users VALUES (1, NULL, 'g')")
	w.write(map[string]string{"app.hcl": app(size)})
	failed := w.reconcile()
	for _, r := range []*reconcile.Report{done, failed} {
		var text bytes.Buffer
		if err := report.JSON(&text, r); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text.String(), config.Password) {
			t.Error("a report holds the password")
		}
	}
	if strings.Contains(strings.Join(w.everything(), "\n"), config.Password) {
		t.Error("the database holds its own password")
	}
}

// Eight plans of a fleet in many states, over two databases, are the same byte
// for byte: neither the order of a map nor a scratch name is in them.
func TestInvariant7OutputOrderNeverDependsOnAMap(t *testing.T) {
	t.Parallel()
	files := product()
	files["tenants.yaml"] = `
shared: [people]
databases: {eu: {url: "postgres://eu"}, main: {url: "postgres://main"}}
defaults: {services: [app, shop], database: main}
tenants:
  - {id: acme, labels: {a: b, c: d, e: f}}
  - {id: globex, database: eu}
  - {id: stark}
`
	w := newWorld(t, files)
	eu, err := postgres.Open(context.Background(), "eu", pgtest.Via(t, pgtest.URL(t)), 5)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(eu.Close)
	w.exec(`CREATE SCHEMA tenant_stark; CREATE TABLE tenant_stark.b (x int, y int DEFAULT 1, CHECK (x > 0), CHECK (y > 0)); CREATE TABLE tenant_stark.a ();
		CREATE VIEW tenant_stark.v AS SELECT 1; CREATE VIEW tenant_stark.u AS SELECT 2`)
	desired, err := w.desired()
	if err != nil {
		t.Fatal(err)
	}
	var first []byte
	for i := range 8 {
		planner := w.planner(desired)
		planner.Databases["eu"] = eu
		plan, err := planner.Plan(context.Background(), desired)
		if err != nil {
			t.Fatal(err)
		}
		text := planJSON(t, plan)
		if first == nil {
			first = text
		}
		if diff := cmp.Diff(string(first), string(text)); diff != "" {
			t.Fatalf("plan %d is another one:\n%s", i, diff)
		}
	}
	if bytes.Contains(first, []byte("scratch")) {
		t.Error("a scratch name is in the plan")
	}
}

func TestInvariant8FingerprintDoesNotDependOnTheSchemasName(t *testing.T) {
	t.Parallel()
	names := []string{"t", "id", "text", "select", "we-ird", "tenant", "tenant_a", "tenant_", "users", "Ünï", "a.b", "person", "email", "public_"}
	w := newWorld(t, map[string]string{
		"atlas.hcl": oneService,
		"app.hcl": head + `
enum "kind" {
  schema = schema.tenant
  values = ["t", "id", "tenant_a"]
}
table "users" {
  schema = schema.tenant
  column "id" {
    type = bigint
  }
  column "text" {
    type    = text
    default = "t.users"
  }
  column "kind" {
    type    = enum.kind
    default = "t"
  }
  column "up" {
    null = true
    type = bigint
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "up" {
    columns     = [column.up]
    ref_columns = [column.id]
  }
  check "literal" {
    expr = "text <> 't.users' AND text <> 'tenant_a' AND text <> '\"we-ird\".users' AND text <> '{schema}'"
  }
}
`,
		"tenants.yaml": tenantsInSchemas(names),
	})
	w.converge()
	prints := w.fingerprints(names...)
	for _, name := range names {
		if prints[name] != prints["t"] || prints[name] == (schema.Fingerprint{}) {
			t.Errorf("%q has another fingerprint than t:\n%s", name, cmp.Diff(w.lines("t"), w.lines(name)))
		}
	}

	// Equal once names are replaced in the text, and different all the same.
	w.exec("CREATE SCHEMA one; CREATE TABLE one.a (v text CHECK (v <> 'one'))")
	w.exec("CREATE SCHEMA two; CREATE TABLE two.a (v text CHECK (v <> 'two'))")
	w.exec("CREATE SCHEMA three; CREATE TABLE three.a (v text DEFAULT 'one.a', w regclass DEFAULT 'one.a'::regclass)")
	w.exec("CREATE SCHEMA four; CREATE TABLE four.a (v text DEFAULT 'one.a', w regclass DEFAULT 'four.a'::regclass)")
	prints = w.fingerprints("one", "two", "three", "four")
	if prints["one"] == prints["two"] {
		t.Error("two checks with other literals have one fingerprint")
	}
	if prints["three"] == prints["four"] {
		t.Error("a reference into another schema and one into the own have one fingerprint")
	}
}

func tenantsInSchemas(names []string) string {
	var b strings.Builder
	b.WriteString("tenants:\n")
	for i, name := range names {
		fmt.Fprintf(&b, "  - {id: n%d, schema: \"%s\"}\n", i, name)
	}
	return b.String()
}

// fingerprints reads schemas in bulk, as a run does.
func (w *world) fingerprints(names ...string) map[string]schema.Fingerprint {
	w.t.Helper()
	observed, err := w.db.Observe(context.Background(), names, false)
	if err != nil {
		w.t.Fatal(err)
	}
	out := make(map[string]schema.Fingerprint)
	for name, live := range observed.Live {
		out[name] = live.Fingerprint
	}
	return out
}

// everything returns what is durable in the world's database: all that is in
// the catalogs, and all rows of all tables.
func (w *world) everything() []string {
	w.t.Helper()
	rows, err := w.conn.Query(context.Background(), `
		SELECT 'namespace ' || n.oid || ' ' || n.xmin || ' ' || n.nspname FROM pg_namespace n WHERE nspname !~ '^pg_(temp|toast_temp)_'
		UNION ALL SELECT 'class ' || oid || ' ' || xmin || ' ' || relname FROM pg_class WHERE relnamespace >= 16384
		UNION ALL SELECT 'attribute ' || attrelid || ' ' || xmin || ' ' || attname FROM pg_attribute WHERE attrelid >= 16384
		UNION ALL SELECT 'proc ' || oid || ' ' || xmin || ' ' || proname FROM pg_proc WHERE oid >= 16384
		UNION ALL SELECT 'type ' || oid || ' ' || xmin || ' ' || typname FROM pg_type WHERE oid >= 16384
		UNION ALL SELECT 'constraint ' || oid || ' ' || xmin || ' ' || conname FROM pg_constraint WHERE oid >= 16384
		UNION ALL SELECT 'rows ' || oid::regclass || ' ' || query_to_xml(format('SELECT xmin, * FROM %s t ORDER BY t::text', oid::regclass), true, false, '')::text
			FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace >= 16384
		UNION ALL SELECT 'sequence ' || oid::regclass || ' ' || query_to_xml(format('SELECT last_value, is_called FROM %s', oid::regclass), true, false, '')::text
			FROM pg_class WHERE relkind = 'S' AND relnamespace >= 16384`)
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func planJSON(t testing.TB, plan *reconcile.Plan) []byte {
	t.Helper()
	text, err := json.MarshalIndent(plan, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return text
}
