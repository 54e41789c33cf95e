package report

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
	"tenantry/reconcile"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestPostgreSQLTakesTheSQL(t *testing.T) {
	t.Parallel()
	making := step("new", reconcile.ActionCreate,
		sql(`CREATE SCHEMA {schema}`),
		sql("CREATE TABLE {schema}.\"a\r\nb\x1b\" (x text DEFAULT '{{schema}} --') -- made by hand;"),
		sql(`CREATE FUNCTION {schema}.f() RETURNS int LANGUAGE sql AS 'SELECT 1 -- one'`),
		sql(`CREATE TABLE found_by_path ();`))
	drop := step("drop", reconcile.ActionChange, sql("DROP TABLE\r\"keep\"", destroys("drops \"keep\"\nDROP TABLE keep;")))
	made, denied := target("x\r\nDROP TABLE keep; \"", reconcile.ActionCreate, reconcile.ReasonMissing, "new"), target("keep", reconcile.ActionBlocked, reconcile.ReasonHazard, "drop")
	denied.Schema = "public"
	script := sqlOf(t, dryRun([]reconcile.Step{making, drop}, made, denied))

	conn, err := pgx.Connect(context.Background(), pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, run := range []string{"CREATE TABLE keep ()", script} {
		if _, err := conn.PgConn().Exec(t.Context(), run).ReadAll(); err != nil {
			t.Fatalf("%v in\n%s", err, run)
		}
	}
	var kept bool
	var tables int
	err = conn.QueryRow(t.Context(), `SELECT to_regclass('public.keep') IS NOT NULL, count(*) FROM pg_tables WHERE schemaname = $1`, made.Schema).Scan(&kept, &tables)
	if err != nil {
		t.Fatal(err)
	}
	if !kept || tables != 2 {
		t.Errorf("the table that may not be dropped is there: %v; %d tables were made, want 2", kept, tables)
	}
}
