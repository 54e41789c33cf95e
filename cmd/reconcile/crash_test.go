package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
	"tenantry/internal/postgres"
	"tenantry/reconcile"
	"tenantry/schema"
)

// What may befall a rollout, at a random moment of it. After each time every schema
// is the old or the new one, or, where the change has parts, at a recorded place
// between them; and the next run converges. $TENANTRY_TEST_KILLS says how often each
// befalls it, $TENANTRY_TEST_TENANTS how many there are, $TENANTRY_TEST_SEED when.

func TestKilledAtAnyMomentEverySchemaIsWhole(t *testing.T) {
	t.Parallel()
	f := newCrashFleet(t, pgtest.URL(t))
	pooled := pgtest.Pooled(t, f.url)
	f.interrupted(4, func(i int, wait func()) {
		cmd := f.command()
		if i%2 == 0 {
			cmd = f.commandAt(pooled)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		wait()
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// Directly, and with a pooler before or behind the connection that is cut.
func TestBackendsKilledAndConnectionsCutLeaveEverySchemaWhole(t *testing.T) {
	t.Parallel()
	f := newCrashFleet(t, pgtest.URL(t))
	direct := pgtest.NewRelay(t, f.url)
	behind := pgtest.Pooled(t, direct.URL())
	before := pgtest.NewRelay(t, behind)
	strikes := []struct {
		url    string
		strike func()
	}{{direct.URL(), direct.Cut}, {behind, f.killBackends}, {before.URL(), before.Cut}, {direct.URL(), f.killBackends}, {behind, direct.Cut}}
	f.interrupted(len(strikes), func(i int, wait func()) {
		s := strikes[i%len(strikes)]
		f.struck(f.commandAt(s.url), wait, s.strike)
	})
}

func TestAServerThatGoesDownLeavesEverySchemaWhole(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	f := newCrashFleet(t, server.URL())
	pooled := pgtest.Pooled(t, f.url)
	f.interrupted(2, func(i int, wait func()) {
		f.struck(f.commandAt([]string{f.via, pooled}[i%2]), wait, func() {
			server.Crash()
			f.url = server.URL()
			f.reopen()
		})
	})
}

// interrupted has one version after the other rolled out, each interrupted.
func (f *crashFleet) interrupted(times int, interrupt func(i int, wait func())) {
	times, seed := numberFrom("TENANTRY_TEST_KILLS", times), numberFrom("TENANTRY_TEST_SEED", 1)
	random := rand.New(rand.NewPCG(uint64(seed), 2))
	f.begin()
	took := time.Second
	for i := 1; i <= times; i++ {
		before := f.fingerprints()
		f.write(i)
		interrupt(i, func() { time.Sleep(time.Duration(random.Int64N(int64(took)))) })
		f.settle()
		after, records, underway := f.fingerprints(), f.records(), f.underway()
		started := time.Now()
		f.mustReconcile()
		took = (took + time.Since(started) + 500*time.Millisecond) / 2
		want := f.fingerprints()
		for name, now := range after {
			r := records[name]
			if r.Fingerprint != now && !(r.Status == reconcile.StatusBetween && underway[name]) {
				f.t.Errorf("%d (seed %d): the record of %s (%s) is not what it is", i, seed, name, r.Status)
			}
			if now != before[name] && now != want[name] && r.Status != reconcile.StatusBetween {
				f.t.Errorf("%d (seed %d): %s is neither old nor new, nor on record as between them", i, seed, name)
			}
		}
		f.recordsAgree(fmt.Sprintf("after %d", i))
	}
}

// struck runs the command, strikes while it runs, and lets it end as it will.
func (f *crashFleet) struck(cmd *exec.Cmd, wait, strike func()) {
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	wait()
	strike()
	cmd.Wait()
}

// Several runs at once share the work: each change is made once, nobody waits for
// ever, and all end well. $TENANTRY_TEST_TOGETHER says how often.
func TestThreeRunsAtOnceMakeEveryChangeOnce(t *testing.T) {
	t.Parallel()
	f := newCrashFleet(t, pgtest.URL(t))
	pooled := pgtest.Pooled(t, f.url)
	f.begin()
	for i := 1; i <= numberFrom("TENANTRY_TEST_TOGETHER", 2); i++ {
		f.write(i)
		f.threeAtOnce(fmt.Sprintf("round %d", i), pooled)
		f.mustConverge()
		var all, distinct int
		f.query("SELECT count(*), count(DISTINCT (schema, base, result)) FROM tenantry.change", &all, &distinct)
		if all != distinct {
			t.Errorf("round %d: %d changes were made in %d", i, distinct, all)
		}
	}
}

// threeAtOnce starts the command three times, once through the pooler.
func (f *crashFleet) threeAtOnce(when, pooled string) {
	f.t.Helper()
	var runs []*exec.Cmd
	var said [3]strings.Builder
	for n := range 3 {
		cmd := f.commandAt([]string{f.via, pooled, f.via}[n])
		cmd.Stdout, cmd.Stderr = &said[n], &said[n]
		if err := cmd.Start(); err != nil {
			f.t.Fatal(err)
		}
		runs = append(runs, cmd)
	}
	for n, cmd := range runs {
		if err := cmd.Wait(); err != nil {
			f.t.Errorf("%s: %v\n%s", when, err, said[n].String())
		}
	}
}

func numberFrom(variable string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	return otherwise
}

// crashFleet is tenants whose definition changes again and again.
type crashFleet struct {
	t        *testing.T
	dir, url string
	via      string // the URL that the command is given
	db       *postgres.DB
	schemas  []string
}

func newCrashFleet(t *testing.T, url string) *crashFleet {
	f := &crashFleet{t: t, dir: t.TempDir(), url: url, via: pgtest.Via(t, url)}
	f.reopen()
	t.Cleanup(func() { f.db.Close() })
	var ids strings.Builder
	for i := range numberFrom("TENANTRY_TEST_TENANTS", 12) {
		fmt.Fprintf(&ids, "  - t%02d\n", i)
		f.schemas = append(f.schemas, fmt.Sprintf("tenant_t%02d", i))
	}
	f.file("tenants.yaml", "policy: {max_failures: 1000}\ntenants:\n"+ids.String())
	return f
}

// reopen connects to the server anew.
func (f *crashFleet) reopen() {
	if f.db != nil {
		f.db.Close()
	}
	db, err := postgres.Open(context.Background(), "main", f.url, 3)
	if err != nil {
		f.t.Fatal(err)
	}
	f.db = db
}

// begin makes the fleet, with rows in every other tenant: those are changed in
// parts.
func (f *crashFleet) begin() {
	f.write(0)
	f.mustReconcile()
	for _, name := range f.schemas[:len(f.schemas)/2] {
		f.query("WITH one AS (INSERT INTO "+name+".things0 VALUES (1, 'a', 1) RETURNING 1) SELECT count(*) FROM one", new(int))
	}
}

func (f *crashFleet) file(name, content string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// write writes version i of the definition: a few new tables, another type for a
// column, another check, and every third time another index.
func (f *crashFleet) write(i int) {
	f.file("atlas.hcl", "env \"app\" {\n  src = [\"file://app.hcl\"]\n  diff {\n    concurrent_index {\n      create = true\n      drop   = true\n    }\n  }\n}\n")
	hcl := "variable \"schema\" {\n  type    = string\n  default = \"tenant\"\n}\nschema \"tenant\" {\n  name = var.schema\n}\n"
	more := fmt.Sprintf("  check \"things0_size\" {\n    expr = \"size > -%d\"\n  }\n", i+1)
	if n := i / 3 * 3; n > 0 {
		more += fmt.Sprintf("  index \"things0_%d\" {\n    columns = [column.name]\n    where   = \"(name <> '%d'::text)\"\n  }\n", n, n)
	}
	for n := range min(i+1, 4) {
		hcl += fmt.Sprintf("table \"things%d\" {\n  schema = schema.tenant\n  column \"id\" { type = bigint }\n  column \"name\" { type = text }\n  column \"size\" { type = numeric(%d,2) }\n  primary_key { columns = [column.id] }\n%s}\n", n, 10+i, more)
		more = ""
	}
	f.file("app.hcl", hcl)
}

func (f *crashFleet) command() *exec.Cmd { return f.commandAt(f.via) }

func (f *crashFleet) commandAt(url string) *exec.Cmd {
	cmd := exec.Command("reconcile", "-q")
	cmd.Dir, cmd.Env = f.dir, append(os.Environ(), "DATABASE_URL="+url)
	return cmd
}

func (f *crashFleet) mustReconcile() {
	f.t.Helper()
	if out, err := f.command().CombinedOutput(); err != nil {
		f.t.Fatalf("reconcile: %v\n%s", err, out)
	}
	f.mustConverge()
}

// mustConverge asserts that there is nothing left to do.
func (f *crashFleet) mustConverge() {
	f.t.Helper()
	check := f.command()
	check.Args = append(check.Args, "--dry-run", "--detailed-exitcode")
	if out, err := check.CombinedOutput(); err != nil {
		f.t.Fatalf("not converged: %v\n%s", err, out)
	}
}

func (f *crashFleet) killBackends() {
	f.query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'", new(int))
}

// settle waits until the server has noticed that its client is gone.
func (f *crashFleet) settle() {
	f.t.Helper()
	for range 200 {
		if busy := f.busy(); busy == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	f.t.Fatal("the killed run's connections do not end")
}

// busy counts the other connections that are at work.
func (f *crashFleet) busy() (n int) {
	f.t.Helper()
	f.query("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid() AND backend_type = 'client backend'", &n)
	return n
}

// query runs a query for one row on a connection of its own.
func (f *crashFleet) query(sql string, into ...any) {
	f.t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, f.url)
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, sql).Scan(into...); err != nil {
		f.t.Fatalf("%s: %v", sql, err)
	}
}

// underway returns the schemas where an index is on record as being built or
// dropped concurrently, and all that is beside it as it was when that began.
func (f *crashFleet) underway() map[string]bool {
	f.t.Helper()
	out := make(map[string]bool)
	for _, name := range f.schemas {
		var beside string
		f.query("SELECT coalesce((SELECT beside FROM tenantry.target WHERE schema = '"+name+"'), '')", &beside)
		lines, err := f.db.Lines(context.Background(), name)
		if err != nil {
			f.t.Fatal(err)
		}
		out[name] = beside == schema.FingerprintOf(lines).String()
		for i, l := range lines {
			out[name] = out[name] || l.Kind == schema.KindIndex && beside == schema.FingerprintOf(slices.Delete(slices.Clone(lines), i, i+1)).String()
		}
	}
	return out
}

func (f *crashFleet) records() map[string]reconcile.Record {
	f.t.Helper()
	observed, err := f.db.Observe(context.Background(), f.schemas, true)
	if err != nil {
		f.t.Fatal(err)
	}
	out := make(map[string]reconcile.Record)
	for _, r := range observed.Records {
		out[r.Schema] = r
	}
	return out
}

func (f *crashFleet) fingerprints() map[string]schema.Fingerprint {
	f.t.Helper()
	out := make(map[string]schema.Fingerprint)
	for _, name := range f.schemas {
		lines, err := f.db.Lines(context.Background(), name)
		if err != nil {
			f.t.Fatal(err)
		}
		out[name] = schema.FingerprintOf(lines)
	}
	return out
}

// recordsAgree asserts that what is recorded of each schema is what it is.
func (f *crashFleet) recordsAgree(when string) {
	f.t.Helper()
	live := f.fingerprints()
	for name, r := range f.records() {
		if r.Fingerprint != live[name] {
			f.t.Errorf("%s: the record of %s (%s) is not what the schema is", when, name, r.Status)
		}
	}
}
