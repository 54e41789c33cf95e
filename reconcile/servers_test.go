package reconcile_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
	"tenantry/internal/postgres"
	"tenantry/reconcile"
)

// fleet is a world whose tenants are in several databases.
type fleet struct {
	*world
	databases map[string]reconcile.Database
	vias      map[string]string // the URLs by which the runs reach them
	progress  func(reconcile.Event)
	failures  int // max_failures
}

// newFleet makes a world with databases at the URLs given by name.
func newFleet(t *testing.T, files, urls map[string]string) *fleet {
	t.Helper()
	f := &fleet{world: newWorld(t, files), databases: make(map[string]reconcile.Database), vias: make(map[string]string), failures: 1}
	for name, url := range urls {
		f.vias[name] = pgtest.Via(t, url)
		db, err := postgres.New(context.Background(), name, f.vias[name], 5)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(db.Close)
		f.databases[name] = db
	}
	return f
}

func (f *fleet) planAll() (*reconcile.Desired, *reconcile.Plan, error) {
	f.t.Helper()
	desired, err := f.desired()
	if err != nil {
		f.t.Fatal(err)
	}
	planner := f.planner(desired)
	planner.Databases = f.databases
	plan, err := planner.Plan(context.Background(), desired)
	return desired, plan, err
}

// run reconciles, and returns what came of each database's targets: their
// distinct outcomes and errors.
func (f *fleet) run() map[string]string {
	f.t.Helper()
	desired, plan, err := f.planAll()
	if err != nil {
		f.t.Fatal(err)
	}
	applier := &reconcile.Applier{
		Databases: f.databases, Engine: f.engine.Version(), Parallelism: 1, LockTimeout: 100 * time.Millisecond, Limits: desired.Limits,
		MaxFailures: f.failures, Progress: f.progress, Now: time.Now,
	}
	report, err := applier.Apply(context.Background(), plan, reconcile.Run{ID: nonce(), Started: time.Now(), By: "test"})
	if err != nil {
		f.t.Fatal(err)
	}
	out := make(map[string]string)
	for i, o := range report.Outcomes {
		name, said := plan.Targets[i].Database, string(o.Result)
		if o.Error != "" {
			said += ": " + o.Error
		}
		if !strings.Contains(out[name], said) {
			out[name] += said + "\n"
		}
	}
	return out
}

// expect fails the test unless each database's targets came to what is given: an
// outcome, or the beginning of what is said of each of them.
func (f *fleet) expect(what string, got, want map[string]string) {
	f.t.Helper()
	for name, outcome := range want {
		for _, said := range strings.Split(strings.TrimSpace(got[name]), "\n") {
			if !strings.HasPrefix(said, outcome) {
				f.t.Errorf("%s: in %s: %q, want %q", what, name, said, outcome)
			}
		}
	}
}

func execAt(t testing.TB, url, sql string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatal(err)
	}
}

// Three servers of different versions in one run. One is stopped in the midst of
// a run, stays down for another, comes back, and is made read-only: its tenants
// fail, with its name, and the others do not notice.
func TestServersFailAlone(t *testing.T) {
	t.Parallel()
	servers := map[string]*pgtest.Own{"main": pgtest.Server(t), "eu": pgtest.ServerOf(t, 17), "us": pgtest.ServerOf(t, 18)}
	urls := make(map[string]string)
	for name, s := range servers {
		urls[name] = s.URL()
	}
	table := func(name string) string {
		return "table \"" + name + "\" {\n  schema = schema.tenant\n  column \"id\" { type = int }\n}\n"
	}
	f := newFleet(t, map[string]string{
		"tenants.yaml": `
databases: {main: {url: a}, eu: {url: b}, us: {url: c}}
defaults: {services: [app], database: main}
tenants: [a, b, {id: c, database: eu}, {id: d, database: eu}, {id: e, database: us}, {id: f, database: us}]
`,
		"atlas.hcl": oneService, "app.hcl": head + table("one"),
	}, urls)
	f.expect("the first run", f.run(), map[string]string{"main": "applied", "eu": "applied", "us": "applied"})
	f.expect("the second", f.run(), map[string]string{"main": "unchanged", "eu": "unchanged", "us": "unchanged"})

	f.write(map[string]string{"app.hcl": head + table("one") + table("two")})
	var stop sync.Once
	f.progress = func(e reconcile.Event) {
		if e.Phase == reconcile.PhaseApplied && e.Database == "eu" {
			stop.Do(servers["eu"].Stop)
		}
	}
	said := f.run()
	if !strings.HasPrefix(said["eu"], "applied\nfailed: database eu (") {
		t.Errorf("a server that goes away: %q", said["eu"])
	}
	f.expect("while it goes", said, map[string]string{"main": "applied", "us": "applied"})
	f.progress = nil
	f.write(map[string]string{"app.hcl": head + table("one") + table("three")})
	f.allowDestructive = true
	f.expect("while it is away", f.run(), map[string]string{"main": "applied", "eu": "failed: database eu (", "us": "applied"})
	servers["eu"].Start()
	awaitAt(t, f.vias["eu"], "SELECT true")
	f.expect("when it is back", f.run(), map[string]string{"main": "unchanged", "eu": "applied", "us": "unchanged"})

	execAt(t, urls["us"], "ALTER SYSTEM SET default_transaction_read_only = on")
	execAt(t, urls["us"], "SELECT pg_reload_conf()")
	awaitAt(t, urls["us"], "SELECT current_setting('default_transaction_read_only') = 'on'")
	f.expect("with nothing to do", f.run(), map[string]string{"main": "unchanged", "eu": "unchanged", "us": "unchanged"})
	f.write(map[string]string{"app.hcl": head + table("one") + table("four")})
	f.expect("while it is read-only", f.run(), map[string]string{"main": "applied", "eu": "applied", "us": "failed: database us: cannot execute"})
	execAt(t, urls["us"], "ALTER SYSTEM RESET default_transaction_read_only")
	execAt(t, urls["us"], "SELECT pg_reload_conf()")
	awaitAt(t, urls["us"], "SELECT current_setting('default_transaction_read_only') = 'off'")
	f.expect("in the end", f.run(), map[string]string{"main": "unchanged", "eu": "unchanged", "us": "applied"})

	for _, s := range servers {
		s.Stop()
	}
	if _, _, err := f.planAll(); err == nil || !strings.Contains(err.Error(), "database eu") || !strings.Contains(err.Error(), "database us") {
		t.Errorf("with no server at all: %v", err)
	}
	for _, s := range servers {
		s.Start()
	}
}

// awaitAt waits until a query is true for new sessions.
func awaitAt(t testing.TB, url, query string) {
	t.Helper()
	var last error
	for range 200 {
		var yes bool
		conn, err := pgx.Connect(context.Background(), url)
		if err == nil {
			err = conn.QueryRow(context.Background(), query, pgx.QueryExecModeSimpleProtocol).Scan(&yes)
			conn.Close(context.Background())
		}
		if last = err; yes {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("it never was: ", query, last)
}

// A server that takes connections and says nothing, from the beginning or in the
// midst of a run, fails its own tenants by name. The others are done meanwhile, and
// when it answers again, so are its own.
func TestAServerThatHangsFailsAlone(t *testing.T) {
	t.Parallel()
	relay := pgtest.NewRelay(t, pgtest.URL(t))
	table := func(name string) string {
		return "table \"" + name + "\" {\n  schema = schema.tenant\n  column \"id\" { type = int }\n}\n"
	}
	f := newFleet(t, map[string]string{
		"tenants.yaml": `
databases: {main: {url: a}, eu: {url: b}}
defaults: {services: [app], database: main}
tenants: [a, b, {id: c, database: eu}, {id: d, database: eu}, {id: e, database: eu}]
`,
		"atlas.hcl": oneService, "app.hcl": head + table("one"),
	}, map[string]string{"main": pgtest.URL(t), "eu": relay.URL() + "&connect_timeout=1"}) // which all other waits follow from
	f.failures = 3
	hung := map[string]string{"main": "applied", "eu": "failed: database eu ("}
	relay.Hang()
	f.expect("from the beginning", f.run(), hung)
	relay.Resume()
	f.until("it is back", map[string]string{"main": "unchanged", "eu": "applied"})

	f.write(map[string]string{"app.hcl": head + table("one") + table("two")})
	f.progress = func(e reconcile.Event) {
		if e.Phase == reconcile.PhaseApplied && e.Database == "eu" {
			relay.Hang()
		}
	}
	said := f.run()
	f.progress = nil
	f.expect("in the midst of a run", said, map[string]string{"main": "applied"})
	if !strings.HasPrefix(said["eu"], "applied\nfailed: database eu (") {
		t.Errorf("in the midst of a run: %q", said["eu"])
	}
	f.write(map[string]string{"app.hcl": head + table("one") + table("two") + table("three")})
	f.expect("still", f.run(), hung)
	relay.Resume()
	f.until("it is back again", map[string]string{"main": "unchanged", "eu": "applied"})
	f.expect("in the end", f.run(), map[string]string{"main": "unchanged", "eu": "unchanged"})
}

// until reconciles until the database eu can be reached, and fails the test unless
// that comes to what is given.
func (f *fleet) until(what string, want map[string]string) {
	f.t.Helper()
	for range 200 {
		if said := f.run(); !strings.HasPrefix(said["eu"], "failed") {
			f.expect(what, said, want)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	f.t.Fatalf("%s: never", what)
}
