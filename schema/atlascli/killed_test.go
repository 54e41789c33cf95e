package atlascli_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"tenantry/internal/pgtest"
	"tenantry/internal/postgres"
	"tenantry/schema"
	"tenantry/schema/atlascli"
)

const (
	victimURL    = "TENANTRY_TEST_VICTIM_URL"
	victimBinary = "TENANTRY_TEST_VICTIM_BINARY"
)

// Where we are killed, the binary ends; the files and databases that are left are
// removed by whoever comes next, and by nobody while we live.
func TestWhatAKilledProcessLeavesIsRemovedByTheNext(t *testing.T) {
	if os.Getenv(victimURL) != "" {
		victim(t)
	}
	dir, url := t.TempDir(), pgtest.URL(t)
	t.Setenv("TMPDIR", dir)
	binary := fake(t, `echo $$ > `+dir+`/pid.new; mv `+dir+`/pid.new `+dir+`/pid; exec sleep 1000`)
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), victimURL+"="+url, victimBinary+"="+binary)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	var pid int
	until(t, func() bool {
		text, err := os.ReadFile(filepath.Join(dir, "pid"))
		if err == nil {
			_, err = fmt.Sscan(string(text), &pid)
		}
		return err == nil
	})
	folders := func() int {
		found, _ := filepath.Glob(filepath.Join(dir, "tenantry-atlas-*"))
		return len(found)
	}
	databases := databasesOf(t, url)
	if folders() != 1 || len(databases) != 2 {
		t.Fatalf("%d folders, databases %v", folders(), databases)
	}
	next(t, url)
	if now := databasesOf(t, url); folders() != 1 || len(now) != 2 {
		t.Fatalf("removed from one that lives: %d folders, databases %v", folders(), now)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	until(t, func() bool { return !runs(pid) })
	until(t, func() bool { next(t, url); return len(databasesOf(t, url)) == 0 }) // the server has to see that it is gone
	if folders() != 0 {
		t.Errorf("%d folders are left", folders())
	}
}

// victim asks a binary that hangs, in a database that is not this process's.
func victim(t *testing.T) {
	ctx := context.Background()
	url := os.Getenv(victimURL)
	db, err := postgres.Open(ctx, "main", url, 2)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := postgres.OpenDev(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := atlascli.Open(ctx, atlascli.Options{
		Path: os.Getenv(victimBinary),
		Dev:  func(context.Context, string, int) (schema.DevServer, error) { return dev, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	planner := &schema.Planner{Engine: engine, Workbench: db.Workbench, Nonce: nonce}
	_, err = planner.Compile(ctx, blueprint(t, oneTable))
	t.Fatal("it came back: ", err)
}

// next does what every process does first.
func next(t *testing.T, url string) {
	t.Helper()
	ctx := context.Background()
	dev, err := postgres.OpenDev(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	engine, err := atlascli.Open(ctx, atlascli.Options{Path: fake(t, "")})
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Close(); err != nil {
		t.Error(err)
	}
}

// databasesOf returns what a process has made on a server, by the sessions that
// hold it: other tests make databases there too.
func databasesOf(t *testing.T, url string) []string {
	t.Helper()
	ctx := context.Background()
	db, err := postgres.Open(ctx, "main", url, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	wb, err := db.Workbench(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer wb.Close()
	rows, err := wb.QueryContext(ctx, `SELECT datname FROM pg_database WHERE datname LIKE 'tenantry\_dev\_%' AND EXISTS (
		SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE locktype = 'advisory' AND d.datname = current_database()
			AND (classid::bigint << 32) | objid::bigint = hashtextextended(pg_database.datname, 0))`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}
