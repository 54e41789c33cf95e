package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"tenantry/internal/pgtest"
	"tenantry/schema"
)

// Many processes may want the control schema at once: it is made once, and
// looking at it again writes nothing.
func TestTheControlSchemaIsMadeOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, conn := newDB(t)
	var group errgroup.Group
	for range 4 {
		group.Go(func() error { return db.Prepare(ctx) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	// Where nothing may be written, what is prepared is still found so.
	if _, err := conn.Exec(ctx, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$"); err != nil {
		t.Fatal(err)
	}
	again, err := Open(ctx, "main", conn.Config().ConnString(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.Prepare(ctx); err != nil {
		t.Errorf("preparing what is prepared writes: %v", err)
	}
}

// An older reconcile leaves a newer control schema alone.
func TestANewerControlSchemaIsLeftAlone(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, conn := newDB(t)
	if err := db.Prepare(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, "UPDATE tenantry.version SET version = 1000"); err != nil {
		t.Fatal(err)
	}
	if err := db.Prepare(ctx); err == nil || !strings.Contains(err.Error(), "use a newer reconcile") {
		t.Errorf("no refusal: %v", err)
	}
}

// Whoever has only looked since an update still sees what was recorded before it.
func TestRecordsOfEveryOlderControlSchemaAreRead(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, conn := newDB(t)
	var many []string // a fleet
	for i := range fewSchemas + 1 {
		many = append(many, fmt.Sprint("tenant_", i))
	}
	for version, migration := range migrations {
		if _, err := conn.Exec(ctx, migration); err != nil {
			t.Fatal(err)
		}
		if version == 0 {
			if _, err := conn.Exec(ctx, `INSERT INTO tenantry.target VALUES ('tenant_acme', 'acme', false, 'b', 's', 'o', 't', 'applied', '', now(), now())`); err != nil {
				t.Fatal(err)
			}
		}
		err := db.reading(ctx, func(tx pgx.Tx) error {
			found, err := records(ctx, tx, nil, true)
			if err == nil && (len(found) != 1 || found[0].Tenant != "acme" || found[0].State != "active" || found[0].Gone) {
				t.Errorf("version %d: %+v", version+1, found)
			}
			return err
		})
		if err != nil {
			t.Errorf("version %d: %v", version+1, err)
		}
		if _, err := db.Observe(ctx, many, true); err != nil {
			t.Errorf("version %d: %v", version+1, err)
		}
	}
}

// Lines are the same whoever is asked for them: the query for many schemas, the
// function of the control schema, and again the query once somebody has dropped
// that.
func TestLinesComeWithAndWithoutTheControlSchema(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, conn := newDB(t)
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	lines := func() (out []schema.Line) {
		t.Helper()
		out, err := db.Lines(ctx, "app")
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	exec("CREATE SCHEMA app; CREATE TABLE app.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text DEFAULT 'x'); CREATE VIEW app.v AS SELECT id FROM app.t")
	queried := lines()
	if err := db.Prepare(ctx); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(queried, lines()); diff != "" {
		t.Errorf("the function says otherwise:\n%s", diff)
	}
	exec("DROP SCHEMA tenantry CASCADE")
	if diff := cmp.Diff(queried, lines()); diff != "" {
		t.Errorf("after the function has gone:\n%s", diff)
	}
}

// A role that may look, but not ask the functions of the control schema, sees the
// same without them.
func TestWhoMayNotAskTheFunctionsSeesTheSame(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, conn := newDB(t)
	if err := db.Prepare(ctx); err != nil {
		t.Fatal(err)
	}
	everyKind(t, conn, "t")
	url := pgtest.Role(t, conn.Config().ConnString(), "")
	role := pgtest.RoleName(url)
	if _, err := conn.Exec(ctx, strings.ReplaceAll("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA tenantry FROM PUBLIC; GRANT USAGE ON SCHEMA tenantry, t TO ROLE; GRANT SELECT ON ALL TABLES IN SCHEMA tenantry TO ROLE", "ROLE", role)); err != nil {
		t.Fatal(err)
	}
	want, err := db.Observe(ctx, []string{"t"}, true)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := Open(ctx, "main", url, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	got, err := reader.Observe(ctx, []string{"t"}, true)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Live, got.Live); diff != "" || reader.ready.Load() {
		t.Errorf("asked the functions: %t\n%s", reader.ready.Load(), diff)
	}
}
