package reconcile_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"tenantry/internal/pgtest"
	"tenantry/internal/postgres"
	"tenantry/reconcile"
	"tenantry/schema"
	"tenantry/state"
)

// A database for each of many tenants: made where missing, from one plan, with
// the shared services in each, and no more connections than a few at any time.
func TestADatabasePerTenant(t *testing.T) {
	t.Parallel()
	at := pgtest.URL(t)
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	prefix := fmt.Sprintf("test_silo_%s_%d_", strings.ToLower(nonce()), os.Getpid())
	u.Path = "/" + prefix
	var ids []string
	fleet := pgtest.Size(20, 50)
	for i := range fleet {
		ids = append(ids, fmt.Sprintf("t%02d", i))
	}
	t.Cleanup(func() {
		for _, id := range ids {
			execAt(t, at, "DROP DATABASE IF EXISTS "+prefix+id+" WITH (FORCE)")
		}
	})
	files := map[string]string{
		"tenants.yaml": "shared: [people]\ndatabases: {silo: {url: '" + u.Scheme + "://" + u.User.String() + "@" + u.Host + "/" + prefix + "${id}?" + u.RawQuery + "'}}\n" + tenants(ids...),
		"atlas.hcl":    "env \"people\" {\n  src = [\"file://people.hcl\"]\n}\n" + oneService,
		"people.hcl":   "schema \"people\" {}\ntable \"users\" {\n  schema = schema.people\n  column \"id\" { type = int }\n  primary_key { columns = [column.id] }\n}\n",
	}
	table := func(column string) string {
		return head + "table \"items\" {\n  schema = schema.tenant\n  column \"id\" { type = int }\n" + column + "  foreign_key \"of\" {\n    columns = [column.id]\n    ref_columns = [table.users.column.id]\n  }\n}\n"
	}
	files["app.hcl"] = table("")
	f := newFleet(t, files, nil)
	f.openPlaces(prefix)

	// A dry run says what would be made, and makes nothing.
	_, plan, err := f.planAll()
	if err != nil {
		t.Fatal(err)
	}
	if plan.Summary.Create != 2*fleet || len(plan.Steps) != 2 {
		t.Fatalf("planned: %+v in %d steps", plan.Summary, len(plan.Steps))
	}
	made := "SELECT count(*) FROM pg_database WHERE datname LIKE '" + prefix + "%'"
	if n := value[int](f.world, made); n != 0 {
		t.Fatalf("a dry run has made %d databases", n)
	}
	f.engine.creates.Store(0)
	said := f.run()
	if n := value[int](f.world, made); n != fleet || len(said) != fleet {
		t.Fatalf("%d databases of %d, and something to say of %d", n, fleet, len(said))
	}
	for name, outcome := range said {
		if strings.TrimSpace(outcome) != "applied" {
			t.Errorf("%s: %s", name, outcome)
		}
	}
	if n := f.engine.creates.Load(); n != 2 {
		t.Errorf("two definitions were compiled %d times for %d databases", n, fleet)
	}
	if n := value[int](f.world, "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE '"+prefix+"%'"); n > 16 {
		t.Errorf("%d connections are left open", n)
	}
	f.write(map[string]string{"app.hcl": table("  column \"note\" {\n    type = text\n    null = true\n  }\n")})
	f.engine.plans.Store(0)
	for name, outcome := range f.run() {
		if outcome != "unchanged\napplied\n" {
			t.Errorf("%s: %q", name, outcome)
		}
	}
	if n := f.engine.plans.Load(); n != 1 {
		t.Errorf("one change was planned %d times for %d databases", n, fleet)
	}
	if _, plan, err = f.planAll(); err != nil || plan.Changes() {
		t.Errorf("then: %+v, %v", plan.Summary, err)
	}
}

// openPlaces opens the databases that the files come to.
func (f *fleet) openPlaces(prefix string) {
	f.t.Helper()
	project, err := schema.LoadProject(f.dir+"/atlas.hcl", os.Getenv)
	if err != nil {
		f.t.Fatal(err)
	}
	file, err := state.Load(f.dir+"/tenants.yaml", state.Options{LookupEnv: os.LookupEnv, Services: project.Names()})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, d := range file.Places() {
		db, err := postgres.NewEach(context.Background(), d.Name, d.URL, 3)
		if err != nil {
			f.t.Fatal(err)
		}
		f.t.Cleanup(db.Close)
		f.databases[d.Name] = db
	}
}

// A tenant's own database that is a common one by another way is refused as soon
// as both are open, and nothing is made in either.
func TestADatabaseOfItsOwnThatIsACommonOne(t *testing.T) {
	t.Parallel()
	at := pgtest.URL(t)
	f := newFleet(t, map[string]string{
		"tenants.yaml": "databases: {main: {url: a}, silo: {url: 'b/${id}'}}\ndefaults: {database: main, services: [app]}\ntenants:\n  - globex\n  - {id: acme, database: silo}\n",
		"atlas.hcl":    oneService, "app.hcl": head,
	}, map[string]string{"main": at})
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = "localhost:" + u.Port()
	db, err := postgres.NewEach(context.Background(), "silo/acme", u.String(), 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	f.databases["silo/acme"] = db
	if _, _, err := f.planAll(); err == nil || !strings.Contains(err.Error(), "tenants.yaml:5:5: error[same-database]: the databases main and silo/acme are one and the same") {
		t.Errorf("it says: %v", err)
	}
}

// Two processes share the tenants of one fleet: each is made once, and what the
// other is at is left to it.
func TestTwoProcessesShareTheWork(t *testing.T) {
	t.Parallel()
	var ids []string
	for i := range pgtest.Size(100, 300) {
		ids = append(ids, fmt.Sprintf("t%03d", i))
	}
	at := pgtest.URL(t)
	files := map[string]string{
		"tenants.yaml": "databases: {main: {url: a}}\n" + tenants(ids...), "atlas.hcl": oneService,
		"app.hcl": head + "table \"items\" {\n  schema = schema.tenant\n  column \"id\" { type = int }\n}\n",
	}
	results := make(chan *reconcile.Report)
	for range 2 {
		f := newFleet(t, files, map[string]string{"main": at})
		desired, plan, err := f.planAll()
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			applier := &reconcile.Applier{Databases: f.databases, Engine: f.engine.Version(), Parallelism: 2, LockTimeout: time.Second, MaxFailures: 1, Now: time.Now, Limits: desired.Limits}
			report, err := applier.Apply(context.Background(), plan, reconcile.Run{ID: nonce(), Started: time.Now(), By: "test"})
			if err != nil {
				t.Error(err)
			}
			results <- report
		}()
	}
	applied, others := 0, 0
	for range 2 {
		r := <-results
		applied += r.Count(reconcile.ResultApplied)
		others += r.Count(reconcile.ResultUnchanged)
		if r.Failed() {
			t.Errorf("a target has failed: %+v", r.Outcomes)
		}
	}
	if applied != len(ids) || others != len(ids) {
		t.Errorf("%d were applied and %d left to the other, of %d each", applied, others, len(ids))
	}
	w := newFleet(t, files, map[string]string{"main": at})
	conn, err := postgres.Open(context.Background(), "main", at, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	changes, err := conn.Changes(context.Background(), "", 1000)
	if err != nil || len(changes) != len(ids) {
		t.Errorf("%d changes on record, %v", len(changes), err)
	}
	if _, plan, err := w.planAll(); err != nil || plan.Changes() {
		t.Errorf("then: %v", err)
	}
}
