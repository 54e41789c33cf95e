package reconcile_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/reconcile"
)

// moreIndexes is what onlineWorld begins with, with other indexes.
func moreIndexes(indexes string) string {
	return "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE a (id int, x int, y int, z text, p int); " + indexes
}

// lateRecords are changes of onlineWorld, and a concurrent statement of each.
var lateRecords = []struct{ name, after, at string }{
	{"the only index", moreIndexes("CREATE INDEX a_x ON a (x); CREATE INDEX a_z ON a (z); CREATE INDEX a_y ON a (y)"), `CREATE INDEX CONCURRENTLY "a_y"`},
	{"the first of two", moreIndexes("CREATE INDEX a_x ON a (x); CREATE INDEX a_z ON a (z); CREATE INDEX a_p ON a (p); CREATE INDEX a_y ON a (y)"), `CREATE INDEX CONCURRENTLY "a_p"`},
	{"one between", onlineAfter, `CREATE INDEX CONCURRENTLY "a_y"`},
	{"one for a constraint", onlineAfter, `CREATE UNIQUE INDEX CONCURRENTLY "a_z_key"`},
	{"the only drop", moreIndexes("CREATE INDEX a_z ON a (z)"), `DROP INDEX CONCURRENTLY "tenant_acme"."a_x"`},
	{"a drop between", onlineAfter, `DROP INDEX CONCURRENTLY "tenant_acme"."a_x"`},
}

// A connection that is lost right after an index was built or dropped concurrently
// costs nothing: the run sees that it is done, records it, and goes on.
func TestAConcurrentIndexThatIsNotOnRecordCountsAsDone(t *testing.T) {
	t.Parallel()
	for i, late := range lateRecords {
		t.Run(late.name, func(t *testing.T) {
			t.Parallel()
			w := onlineWorld(t)
			if i%2 == 0 {
				w.pooled()
			}
			w.write(map[string]string{"app.sql": late.after})
			stop := w.stopAfter(late.at)
			reports := make(chan *reconcile.Report, 1)
			go func() { reports <- w.reconcile() }()
			stop.cut()
			report := <-reports
			for i, target := range report.Plan.Targets {
				if o := report.Outcomes[i]; o.Result != reconcile.ResultApplied {
					t.Errorf("%s: %s %s", target.Tenant, o.Result, o.Error)
				}
			}
			w.converge()
			if n := value[int](w, "SELECT count(*) FROM tenantry.change, unnest(statements) s WHERE schema = 'tenant_acme' AND starts_with(s, $1)", late.at); n != 1 {
				t.Errorf("it is %d times on record", n)
			}
			if diff := value[int](w, "SELECT count(*) FROM tenantry.change c JOIN tenantry.change d ON d.schema = c.schema AND d.base = c.base AND d.id <> c.id"); diff > 0 {
				t.Error("two changes begin at the same place")
			}
		})
	}
}

// Nor does a run that ends just there: the target is between the old and the new,
// which is no drift, and the next run goes on without building the index again.
func TestARunThatEndsBeforeAConcurrentIndexIsOnRecordLeavesNoDrift(t *testing.T) {
	t.Parallel()
	for i, late := range lateRecords {
		t.Run(late.name, func(t *testing.T) {
			t.Parallel()
			w := onlineWorld(t)
			if i%2 == 1 {
				w.pooled()
			}
			w.write(map[string]string{"app.sql": late.after, "tenants.yaml": "policy: {drift: report}\n" + tenants("acme", "globex")})
			stop := w.stopAfter(late.at)
			ctx, end := context.WithCancel(context.Background())
			defer end()
			desired, err := w.desired()
			if err != nil {
				t.Fatal(err)
			}
			plan := w.plan()
			reports := make(chan *reconcile.Report, 1)
			go func() { reports <- w.applyUntil(ctx, desired, plan) }()
			stop.await()
			end()
			<-reports
			stop.over()
			built := w.indexes("a_y")

			for _, r := range w.converge().Plan.Targets {
				if r.Reason == reconcile.ReasonDrifted || len(r.Drift) > 0 {
					t.Errorf("%s is said to have drifted: %v", r.Tenant, r.Drift)
				}
			}
			if strings.Contains(late.at, "a_y") && built != w.indexes("a_y") {
				t.Error("the index was built again")
			}
		})
	}
}

// indexes tells acme's indexes of a name apart from others of that name.
func (w *world) indexes(name string) string {
	w.t.Helper()
	return value[string](w, "SELECT coalesce(string_agg(oid::text, ' '), '') FROM pg_class WHERE relname = $1 AND relnamespace = 'tenant_acme'::regnamespace", name)
}

// A stop is a place where a run is held: what it did stands, and is not on record.
type stop struct {
	w    *world
	held *pgx.Conn
}

// stopAfter has the next run stop after a statement that begins so.
func (w *world) stopAfter(statement string) *stop {
	w.t.Helper()
	w.exec(`CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NEW; END';
		CREATE TRIGGER stop BEFORE INSERT ON tenantry.change FOR EACH ROW WHEN (starts_with(NEW.statements[1], '` + statement + `')) EXECUTE FUNCTION stop()`)
	ctx := context.Background()
	held, err := pgx.Connect(ctx, w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { held.Close(ctx) })
	if _, err := held.Exec(ctx, "SELECT pg_advisory_lock(42)"); err != nil {
		w.t.Fatal(err)
	}
	return &stop{w: w, held: held}
}

// await waits until a run is there, and returns its session.
func (s *stop) await() (pid int) {
	s.w.t.Helper()
	for pid == 0 {
		time.Sleep(5 * time.Millisecond)
		pid = value[int](s.w, "SELECT coalesce(max(pid), 0) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
	}
	return pid
}

// cut ends the session of the run that comes there, and holds up nobody else.
func (s *stop) cut() {
	s.w.t.Helper()
	s.w.exec("SELECT pg_terminate_backend($1, 10000)", s.await())
	s.over()
}

func (s *stop) over() {
	s.w.t.Helper()
	if err := s.held.Close(context.Background()); err != nil {
		s.w.t.Fatal(err)
	}
}
