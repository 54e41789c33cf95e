package postgres

import (
	"context"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
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
	var before, after int64
	now := "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
	if err := conn.QueryRow(ctx, now).Scan(&before); err != nil {
		t.Fatal(err)
	}
	if err := db.Prepare(ctx); err != nil {
		t.Fatal(err)
	}
	if err := conn.QueryRow(ctx, now).Scan(&after); err != nil {
		t.Fatal(err)
	}
	if before != after {
		t.Errorf("preparing what is prepared took a transaction id: %d, then %d", before, after)
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
