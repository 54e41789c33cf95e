package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/embedded"
)

// URL makes an empty database for the test and returns the URL to connect to it as superuser. The database goes when the
// test ends, with every session that is still in it.
func URL(t testing.TB) string {
	t.Helper()
	return databaseOn(t, sharedServer(t, find(t)))
}

// URLBetween is URL on a PostgreSQL of one of those major versions: the one to test with where it is, else the nearest of those
// that .ci/run tests with, fetched with npm where that was never done.
func URLBetween(t testing.TB, oldest, newest int) string {
	t.Helper()
	bin, err := binariesBetween(find(t), oldest, newest)
	if err != nil {
		t.Fatal("pgtest: ", err)
	}
	return databaseOn(t, sharedServer(t, bin))
}

func databaseOn(t testing.TB, server *embedded.Server) string {
	t.Helper()
	name := databaseName(t.Name())
	// The template that nobody connects to: copying one that somebody is connected to fails.
	admin(t, server.URL(), "CREATE DATABASE "+name+" TEMPLATE template0")
	t.Cleanup(func() { admin(t, server.URL(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return with(server.URL(), func(u *url.URL) { u.Path = "/" + name })
}

// Role makes a role with a random name and password, attributes as CREATE ROLE has them ("CREATEDB NOINHERIT"; it may log in
// anyway), and returns databaseURL with that role as the user. The role goes when the test ends, with all that it owns in
// that database and with databases of its own.
func Role(t testing.TB, databaseURL, attributes string) string {
	t.Helper()
	name, password := "role_"+strings.ToLower(rand.Text()[:12]), rand.Text()
	admin(t, databaseURL, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s' %s", name, password, attributes))
	t.Cleanup(func() { dropRole(t, databaseURL, name) })
	return with(databaseURL, func(u *url.URL) { u.User = url.UserPassword(name, password) })
}

// RoleName gives the name of the role in a URL.
func RoleName(databaseURL string) string {
	u, err := url.Parse(databaseURL)
	if err != nil || u.User == nil {
		return ""
	}
	return u.User.Username()
}

func dropRole(t testing.TB, databaseURL, name string) {
	admin(t, databaseURL, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '"+name+"'")
	for _, owned := range column(t, databaseURL, "SELECT quote_ident(datname) FROM pg_database WHERE datdba = '"+name+"'::regrole") {
		admin(t, databaseURL, "DROP DATABASE "+owned+" WITH (FORCE)")
	}
	admin(t, databaseURL, "DROP OWNED BY "+name+" CASCADE", "DROP ROLE "+name)
}

var unsafe = regexp.MustCompile(`[^a-z0-9]+`)

// databaseName makes a unique name that says whose it is: test_<test>_<process>_<random>, at most 63 bytes long.
func databaseName(test string) string {
	slug := strings.Trim(unsafe.ReplaceAllString(strings.ToLower(test), "_"), "_")
	return fmt.Sprintf("test_%s_%d_%s", slug[:min(len(slug), 35)], os.Getpid(), strings.ToLower(rand.Text()[:8]))
}

// sweep drops the databases of test processes that were killed.
func sweep(ctx context.Context, serverURL string) error {
	conn, err := pgx.Connect(ctx, serverURL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%'")
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		if !alive(name) {
			if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
				return err
			}
		}
	}
	return nil
}

// alive says whether the process lives that a database's name names.
func alive(name string) bool {
	parts := strings.Split(name, "_")
	pid, err := strconv.Atoi(parts[max(0, len(parts)-2)])
	return err == nil && processLives(pid)
}

// admin runs statements one by one on a connection of its own.
func admin(t testing.TB, databaseURL string, statements ...string) {
	t.Helper()
	connected(t, databaseURL, func(ctx context.Context, conn *pgx.Conn) error {
		for _, sql := range statements {
			if _, err := conn.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
}

// column runs a query for one column of text.
func column(t testing.TB, databaseURL, sql string) (values []string) {
	t.Helper()
	connected(t, databaseURL, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, sql)
		if err != nil {
			return err
		}
		values, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return values
}

// connected runs a function with a connection, and fails the test where either fails.
func connected(t testing.TB, databaseURL string, f func(context.Context, *pgx.Conn) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, databaseURL)
	if err == nil {
		defer conn.Close(ctx)
		err = f(ctx, conn)
	}
	if err != nil {
		t.Errorf("pgtest: %v", err)
	}
}

// with changes a part of a URL.
func with(databaseURL string, change func(*url.URL)) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		panic(err) // it is one of ours
	}
	change(u)
	return u.String()
}
