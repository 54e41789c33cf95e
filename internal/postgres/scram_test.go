package postgres_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
	"tenantry/internal/postgres"
)

// PostgreSQL lets a role in by what Verifier makes of its password.
func TestAVerifierLetsItsPasswordIn(t *testing.T) {
	t.Parallel()
	ctx, admin := context.Background(), pgtest.URL(t)
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, password := range []string{"simple", "with 'quotes' and \\", "pässwörd\u00a0Ⅸ", strings.Repeat("long", 40)} {
		role := pgtest.Role(t, admin, "NOSUPERUSER")
		verifier, err := postgres.Verifier(password)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(verifier, password) {
			t.Errorf("%q is in its verifier", password)
		}
		if _, err := conn.Exec(ctx, "ALTER ROLE "+pgtest.RoleName(role)+" PASSWORD '"+verifier+"'"); err != nil {
			t.Fatal(err)
		}
		var kept string
		if err := conn.QueryRow(ctx, "SELECT rolpassword FROM pg_authid WHERE rolname = $1", pgtest.RoleName(role)).Scan(&kept); err != nil || kept != verifier {
			t.Errorf("kept as %q, %v", kept, err)
		}
		for try, want := range map[string]bool{password: true, password + "x": false} {
			u, err := url.Parse(role)
			if err != nil {
				t.Fatal(err)
			}
			u.User = url.UserPassword(pgtest.RoleName(role), try)
			in, err := pgx.Connect(ctx, u.String())
			if (err == nil) != want {
				t.Errorf("%q: %v", try, err)
			}
			if err == nil {
				in.Close(ctx)
			}
		}
	}
}
