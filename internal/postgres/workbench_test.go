package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
	"tenantry/internal/postgres"
)

// A workbench's connection serves the next one, and one that was cut meanwhile is
// in nobody's way.
func TestAWorkbenchAfterAnother(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := pgtest.URL(t)
	db, err := postgres.Open(ctx, "main", url, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	session := func() (pid int) {
		t.Helper()
		wb, err := db.Workbench(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer wb.Close()
		rows, err := wb.QueryContext(ctx, "SELECT pg_backend_pid()")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			if err := rows.Scan(&pid); err != nil {
				t.Fatal(err)
			}
		}
		return pid
	}
	first := session()
	if second := session(); second != first {
		t.Errorf("it was in session %d, and the next one in %d", first, second)
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "SELECT pg_terminate_backend($1, 10000)", first); err != nil {
		t.Fatal(err)
	}
	if third := session(); third == first || third == 0 {
		t.Errorf("after session %d was cut there is %d", first, third)
	}
}
