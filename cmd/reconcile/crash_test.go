package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
	"tenantry/internal/postgres"
	"tenantry/schema"
)

// A rollout over 20 tenants is killed at random moments. After each kill every
// schema is the old or the new one, or, where the change has a part that cannot
// run in a transaction, a place between them; the record says which; and the next
// run converges. $TENANTRY_TEST_KILLS says how often, $TENANTRY_TEST_SEED when.
func TestKilledAtAnyMomentEverySchemaIsWhole(t *testing.T) {
	t.Parallel()
	kills, seed := numberFrom("TENANTRY_TEST_KILLS", 6), numberFrom("TENANTRY_TEST_SEED", 1)
	random := rand.New(rand.NewPCG(uint64(seed), 2))
	f := newCrashFleet(t)
	f.write(0)
	f.mustReconcile()
	took := time.Second
	for i := 1; i <= kills; i++ {
		before := f.fingerprints()
		f.write(i)
		cmd := f.command()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(took))))
		cmd.Process.Kill()
		cmd.Wait()
		f.settle()
		after := f.fingerprints()
		concurrent := i%3 == 0 // killed while it builds an index, it leaves an invalid one, which no record knows of
		if !concurrent {
			f.recordsAgree(fmt.Sprintf("kill %d", i))
		}
		started := time.Now()
		f.mustReconcile()
		took = (took + time.Since(started) + 500*time.Millisecond) / 2
		want := f.fingerprints()
		for name, now := range after {
			if now != before[name] && now != want[name] && !concurrent {
				t.Errorf("kill %d (seed %d): %s is neither old nor new", i, seed, name)
			}
		}
		f.recordsAgree(fmt.Sprintf("after kill %d", i))
	}
}

func numberFrom(variable string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	return otherwise
}

// crashFleet is 20 tenants whose definition changes again and again.
type crashFleet struct {
	t        *testing.T
	dir, url string
	db       *postgres.DB
	schemas  []string
}

func newCrashFleet(t *testing.T) *crashFleet {
	f := &crashFleet{t: t, dir: t.TempDir(), url: pgtest.URL(t)}
	db, err := postgres.Open(context.Background(), "main", f.url, 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	f.db = db
	var ids strings.Builder
	for i := range 20 {
		fmt.Fprintf(&ids, "  - t%02d\n", i)
		f.schemas = append(f.schemas, fmt.Sprintf("tenant_t%02d", i))
	}
	f.file("tenants.yaml", "tenants:\n"+ids.String())
	return f
}

func (f *crashFleet) file(name, content string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// write writes version i of the definition: a new table each time, another type
// for a column, and every third time an index that is built concurrently.
func (f *crashFleet) write(i int) {
	diff := ""
	if i%3 == 0 {
		diff = "  diff {\n    concurrent_index {\n      create = true\n    }\n  }\n"
	}
	f.file("atlas.hcl", "env \"app\" {\n  src = [\"file://app.hcl\"]\n"+diff+"}\n")
	hcl := "variable \"schema\" {\n  type    = string\n  default = \"tenant\"\n}\nschema \"tenant\" {\n  name = var.schema\n}\n"
	indexes := ""
	for n := 3; n <= i; n += 3 {
		indexes += fmt.Sprintf("  index \"things0_%d\" {\n    columns = [column.name]\n    where   = \"(name <> '%d'::text)\"\n  }\n", n, n)
	}
	for n := range i + 1 {
		hcl += fmt.Sprintf("table \"things%d\" {\n  schema = schema.tenant\n  column \"id\" { type = bigint }\n  column \"name\" { type = text }\n  column \"size\" { type = numeric(%d,2) }\n  primary_key { columns = [column.id] }\n%s}\n", n, 10+i, indexes)
		indexes = ""
	}
	f.file("app.hcl", hcl)
}

func (f *crashFleet) command() *exec.Cmd {
	cmd := exec.Command("reconcile", "-q")
	cmd.Dir, cmd.Env = f.dir, append(os.Environ(), "DATABASE_URL="+f.url)
	return cmd
}

func (f *crashFleet) mustReconcile() {
	f.t.Helper()
	if out, err := f.command().CombinedOutput(); err != nil {
		f.t.Fatalf("reconcile: %v\n%s", err, out)
	}
	check := f.command()
	check.Args = append(check.Args, "--dry-run", "--detailed-exitcode")
	if out, err := check.CombinedOutput(); err != nil {
		f.t.Fatalf("not converged: %v\n%s", err, out)
	}
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
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, f.url)
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid() AND backend_type = 'client backend'").Scan(&n)
	if err != nil {
		f.t.Fatal(err)
	}
	return n
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
	observed, err := f.db.Observe(context.Background(), f.schemas, true)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, r := range observed.Records {
		if r.Fingerprint != live[r.Schema] {
			f.t.Errorf("%s: the record of %s (%s) is not what the schema is", when, r.Schema, r.Status)
		}
	}
}
