package postgres_test

import (
	"context"
	"net/url"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
	"tenantry/internal/postgres"
)

// Which databases there are is known to a role that may not ask the maintenance
// database too, and of a server that is away it is told that nobody knows.
func TestWhichDatabasesExist(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	server := pgtest.Server(t)
	conn, err := pgx.Connect(ctx, server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, sql := range []string{"CREATE DATABASE one", "CREATE ROLE narrow LOGIN PASSWORD 'x'"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	at := func(database string, user *url.Userinfo) string {
		u, err := url.Parse(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		u.Path = "/" + database
		if user != nil {
			u.User = user
		}
		return u.String()
	}
	narrow := url.UserPassword("narrow", "x")
	exists := func(urls ...string) []bool {
		t.Helper()
		found, errs := postgres.Exist(ctx, urls)
		for _, err := range errs[:2] {
			if err != nil {
				t.Error(err)
			}
		}
		if errs[2] == nil {
			t.Error("a server that is away says what there is")
		}
		return found[:2]
	}
	away := "postgres://narrow@127.0.0.1:1/one"
	if got := exists(at("one", nil), at("two", nil), away); !slices.Equal(got, []bool{true, false}) {
		t.Errorf("asked once: %v", got)
	}
	if _, err := conn.Exec(ctx, "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC"); err != nil {
		t.Fatal(err)
	}
	if got := exists(at("one", narrow), at("two", narrow), away); !slices.Equal(got, []bool{true, false}) {
		t.Errorf("asked each: %v", got)
	}
}
