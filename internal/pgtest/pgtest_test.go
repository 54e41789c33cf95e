package pgtest_test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
)

// leftoverEnv makes this test program one that is killed half way.
const leftoverEnv = "PGTEST_LEFTOVER"

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestURLGivesAnEmptyDatabaseOfItsOwn(t *testing.T) {
	first, second := pgtest.URL(t), pgtest.URL(t)
	if first == second {
		t.Fatal("one database for two")
	}
	query(t, first, "CREATE TABLE t AS SELECT 1")
	if got := query(t, second, "SELECT count(*)::text FROM pg_class WHERE relname = 't'"); got != "0" {
		t.Error("two databases share a table")
	}
	if got := query(t, first, "SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user"); got != "true" {
		t.Error("not the superuser")
	}
}

func TestURLBetweenIsOnAPostgreSQLOfThatVersion(t *testing.T) {
	t.Parallel()
	const major = "SELECT (current_setting('server_version_num')::int / 10000)::text"
	own := query(t, pgtest.URL(t), major)
	if got := query(t, pgtest.URLBetween(t, 14, 99), major); got != own {
		t.Errorf("%s, where %s would do", got, own)
	}
	for _, other := range []int{14, 18} {
		if got := query(t, pgtest.URLBetween(t, other, other), major); got != strconv.Itoa(other) {
			t.Errorf("%s, not %d", got, other)
		}
	}
}

func TestURLDropsTheDatabase(t *testing.T) {
	var gone string
	t.Run("of a test with a strange, rather long näme that is/longer than an identifier may be", func(t *testing.T) {
		gone = pgtest.URL(t)
		conn, err := pgx.Connect(context.Background(), gone)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(context.Background()) }) // runs first; so leave another one open
		if _, err := pgx.Connect(context.Background(), gone); err != nil {
			t.Fatal(err)
		}
	})
	name := path(gone)
	if got := query(t, pgtest.URL(t), "SELECT count(*)::text FROM pg_database WHERE datname = '"+name+"'"); got != "0" {
		t.Errorf("%s is still there", name)
	}
}

func TestURLInParallel(t *testing.T) {
	for range 8 {
		t.Run("one", func(t *testing.T) {
			t.Parallel()
			query(t, pgtest.URL(t), "SELECT 'works'")
		})
	}
}

func TestRole(t *testing.T) {
	database := pgtest.URL(t)
	var role string
	t.Run("in use", func(t *testing.T) {
		url := pgtest.Role(t, database, "CREATEDB CONNECTION LIMIT 5")
		role = pgtest.RoleName(url)
		if got := query(t, url, "SELECT current_user::text"); got != role {
			t.Errorf("connected as %s, not %s", got, role)
		}
		query(t, database, "GRANT CREATE ON SCHEMA public TO "+role)
		query(t, url, "CREATE TABLE its_own ()")
		query(t, url, "CREATE DATABASE "+role)
	})
	if got := query(t, database, "SELECT count(*)::text FROM pg_roles WHERE rolname = '"+role+"'"); got != "0" {
		t.Errorf("%s is still there", role)
	}
}

func TestServerOfItsOwn(t *testing.T) {
	s := pgtest.Server(t)
	url := s.URL()
	query(t, url, "CREATE TABLE kept AS SELECT 'it' AS what")
	s.Stop()
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		conn.Close(t.Context())
		t.Fatal("a stopped server answers")
	}
	s.Start()
	s.Crash()
	if s.URL() != url {
		t.Error("the URL changed")
	}
	if got := query(t, url, "TABLE kept"); got != "it" {
		t.Errorf("kept %q", got)
	}
}

// TestLeftover makes a database and dies, where the other test asks for that.
func TestLeftover(t *testing.T) {
	if os.Getenv(leftoverEnv) == "" {
		return
	}
	pgtest.Server(t)
	name := path(pgtest.URL(t))
	_, _ = os.Stdout.WriteString(name)
	self, _ := os.FindProcess(os.Getpid())
	_ = self.Kill()
	select {}
}

func TestKilledRunIsCleanedUpAfter(t *testing.T) {
	run := func() string {
		cmd := exec.Command(os.Args[0], "-test.run=^TestLeftover$")
		cmd.Env = append(os.Environ(), leftoverEnv+"=1")
		out, err := cmd.Output()
		if err == nil {
			t.Fatal("it was not killed")
		}
		return string(out)
	}
	database := pgtest.URL(t)
	first := run()
	run() // this one sweeps
	if got := query(t, database, "SELECT count(*)::text FROM pg_database WHERE datname = '"+first+"'"); got != "0" {
		t.Errorf("%s is still there", first)
	}
	pgtest.Server(t) // and so does this, for servers
}

func BenchmarkURL(b *testing.B) {
	for b.Loop() {
		pgtest.URL(b)
	}
}

// path is the database in a URL.
func path(databaseURL string) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		panic(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// query runs a statement and gives its value, if it has one.
func query(t *testing.T, databaseURL, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(values, ",")
}
