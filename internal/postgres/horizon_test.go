package postgres

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
	"tenantry/reconcile"
)

// On a server that others use, a transaction of theirs may hold a horizon back;
// then the tokens are read, which is what the other tests do.
func TestHorizon(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	t.Run("it stands while nothing moves", func(t *testing.T) { standsWhileNothingMoves(t, server.URL()) })
	t.Run("it falls with whatever moves", func(t *testing.T) { fallsWithWhateverMoves(t, server.URL()) })
	t.Run("it falls with what was uncommitted then", func(t *testing.T) { fallsWithWhatWasUncommitted(t, server.URL()) })
	t.Run("it does not speak for what it has not seen", func(t *testing.T) { doesNotSpeakForTheUnseen(t, server.URL()) })
}

// fleet makes more schemas than are looked up one by one, records them as they
// are, and keeps the horizon that the next look finds. It leaves the database
// empty.
func fleet(t *testing.T, url string) (*DB, *pgx.Conn, []string) {
	t.Helper()
	ctx := context.Background()
	db, err := Open(ctx, "main", url, 4)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	t.Cleanup(func() {
		db.Close()
		for _, name := range append(names, "tenantry") {
			if err := simple(ctx, conn, "DROP SCHEMA IF EXISTS "+name+" CASCADE"); err != nil {
				t.Error(err)
			}
		}
		conn.Close(ctx)
	})
	for i := range fewSchemas + 2 {
		names = append(names, fmt.Sprintf("tenant_%02d", i))
		sql := fmt.Sprintf("CREATE SCHEMA %[1]s; CREATE TABLE %[1]s.posts (id int PRIMARY KEY, title text); CREATE INDEX titles ON %[1]s.posts (title)", names[i])
		if err := simple(ctx, conn, sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Prepare(ctx); err != nil {
		t.Fatal(err)
	}
	run := reconcile.Run{ID: "run", Started: time.Now()}
	if err := db.Begin(ctx, run); err != nil {
		t.Fatal(err)
	}
	var records []reconcile.Record
	for name, live := range look(t, db, names).Live {
		records = append(records, reconcile.Record{Tenant: name, Schema: name, Fingerprint: live.Fingerprint, Token: live.Token, Status: reconcile.StatusApplied, Labels: "{}"})
	}
	if err := db.Record(ctx, run, records); err != nil {
		t.Fatal(err)
	}
	keep(t, db, names)
	return db, conn, names
}

func look(t *testing.T, db *DB, names []string) *reconcile.Observed {
	t.Helper()
	o, err := db.Observe(context.Background(), names, true)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func keep(t *testing.T, db *DB, names []string) {
	t.Helper()
	horizon := look(t, db, names).Horizon
	if horizon == "" {
		t.Fatal("there is no horizon to keep")
	}
	if err := db.KeepHorizon(context.Background(), horizon); err != nil {
		t.Fatal(err)
	}
}

// stands reports whether the horizon speaks for all that is recorded.
func stands(t *testing.T, db *DB, names []string) (all bool) {
	t.Helper()
	records := look(t, db, names).Records
	err := db.reading(context.Background(), func(tx pgx.Tx) error {
		standing, ok, err := db.standing(context.Background(), tx, records)
		all = ok && len(standing) == len(records)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func standsWhileNothingMoves(t *testing.T, url string) {
	db, conn, names := fleet(t, url)
	for _, what := range []string{"INSERT INTO tenant_00.posts VALUES (1, 'a')", "ANALYZE", "VACUUM (FREEZE) tenant_00.posts", "VACUUM (FREEZE) pg_class", "VACUUM (FREEZE) pg_attribute"} {
		if err := simple(context.Background(), conn, what); err != nil {
			t.Fatal(err)
		}
	}
	if !stands(t, db, names) {
		t.Error("rows, ANALYZE and VACUUM have moved the horizon")
	}
	o := look(t, db, names)
	if len(o.Live) != len(names) || o.Horizon != "" {
		t.Errorf("%d live, and %q to be kept", len(o.Live), o.Horizon)
	}
}

func fallsWithWhateverMoves(t *testing.T, url string) {
	db, conn, names := fleet(t, url)
	for _, what := range []string{
		"ALTER TABLE tenant_03.posts ADD COLUMN note text",
		"ALTER TABLE tenant_03.posts ALTER COLUMN title SET DEFAULT 'none'",
		"ALTER TABLE tenant_03.posts ALTER COLUMN title SET NOT NULL",
		"ALTER TABLE tenant_03.posts DROP CONSTRAINT posts_pkey",
		"DROP INDEX tenant_03.titles", // no new row anywhere
		"COMMENT ON COLUMN tenant_03.posts.title IS 'x'",
		"COMMENT ON COLUMN tenant_03.posts.title IS NULL",
		"CREATE FUNCTION tenant_03.one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
		"CREATE VIEW tenant_03.all_posts AS SELECT * FROM tenant_03.posts",
		"CREATE OPERATOR tenant_03.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)",
		"CREATE TYPE tenant_03.mood AS ENUM ('good')",
		"ALTER TYPE tenant_03.mood ADD VALUE 'bad'",
		"ALTER DEFAULT PRIVILEGES IN SCHEMA tenant_03 GRANT SELECT ON TABLES TO PUBLIC",
		"DROP SCHEMA tenant_03 CASCADE",
	} {
		if err := simple(context.Background(), conn, what); err != nil {
			t.Fatal(err)
		}
		if stands(t, db, names) {
			t.Errorf("it stands in spite of: %s", what)
		}
		if _, err := conn.Exec(context.Background(), "DELETE FROM tenantry.target WHERE schema = 'tenant_03'"); err != nil {
			t.Fatal(err)
		}
		left := append([]string{}, names[:3]...)
		keep(t, db, append(left, names[4:]...))
	}
}

// A transaction that was open while the horizon was kept is newer than it.
func fallsWithWhatWasUncommitted(t *testing.T, url string) {
	ctx := context.Background()
	db, conn, names := fleet(t, url)
	if err := simple(ctx, conn, "BEGIN; ALTER TABLE tenant_03.posts ADD COLUMN note text; CREATE TABLE tenant_04.more (id int)"); err != nil {
		t.Fatal(err)
	}
	if err := db.KeepHorizon(ctx, ""); err != nil {
		t.Fatal(err)
	}
	keep(t, db, names)
	if !stands(t, db, names) {
		t.Error("what is not committed has moved the horizon")
	}
	if err := simple(ctx, conn, "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if stands(t, db, names) {
		t.Error("it stands in spite of what was committed since")
	}
}

// What is on record and was not looked at when the horizon was kept is looked at
// when it is asked for.
func doesNotSpeakForTheUnseen(t *testing.T, url string) {
	ctx := context.Background()
	db, conn, names := fleet(t, url)
	before := look(t, db, names).Live["tenant_00"]
	if err := simple(ctx, conn, "ALTER TABLE tenant_00.posts ADD COLUMN by_hand text"); err != nil {
		t.Fatal(err)
	}
	keep(t, db, names[1:]) // tenant_00 was no longer in the file
	if now := look(t, db, names).Live["tenant_00"]; now.Fingerprint == before.Fingerprint || now.Token == before.Token {
		t.Error("what was done to it by hand is not seen")
	}
	if !stands(t, db, names[1:]) && look(t, db, names[1:]).Horizon != "" {
		t.Error("for the others it does not stand")
	}
}
