package postgres_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
	"tenantry/internal/postgres"
	"tenantry/reconcile"
)

// purging is a database with a schema that is retired on record.
type purging struct {
	t    *testing.T
	db   *postgres.DB
	conn *pgx.Conn
	run  reconcile.Run
}

func newPurging(t *testing.T, holds string) *purging {
	t.Helper()
	return newPurgingAt(t, pgtest.URL(t), holds)
}

func newPurgingAt(t *testing.T, url, holds string) *purging {
	t.Helper()
	ctx := context.Background()
	p := &purging{t: t, run: reconcile.Run{ID: "r", Started: time.Now(), By: "test"}}
	var err error
	if p.db, err = postgres.Open(ctx, "main", url, 2); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.db.Close)
	if p.conn, err = pgx.Connect(ctx, url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.conn.Close(ctx) })
	if err := errors.Join(p.db.Prepare(ctx), p.db.Begin(ctx, p.run)); err != nil {
		t.Fatal(err)
	}
	p.exec("CREATE SCHEMA shared; CREATE TABLE shared.users (id bigint PRIMARY KEY); CREATE SCHEMA aside; SET search_path = aside; " + holds + "; RESET search_path")
	if err := p.db.Record(ctx, p.run, []reconcile.Record{p.record()}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *purging) record() reconcile.Record {
	return reconcile.Record{Tenant: "acme", Schema: "aside", Home: "tenant_acme", State: reconcile.StandingRetired, Labels: "{}", Status: reconcile.StatusApplied}
}

func (p *purging) exec(sql string) {
	p.t.Helper()
	if _, err := p.conn.Exec(context.Background(), sql); err != nil {
		p.t.Fatalf("%.200s: %v", sql, err)
	}
}

func (p *purging) number(sql string) (n int) {
	p.t.Helper()
	if err := p.conn.QueryRow(context.Background(), sql).Scan(&n); err != nil {
		p.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func (p *purging) purge(ctx context.Context) (int, error) {
	return p.db.Purge(ctx, p.run, p.record(), 3*time.Second)
}

// watch notes how many locks the transactions of a purge hold when they drop.
func (p *purging) watch() {
	p.exec(`CREATE TABLE shared.seen (locks int); CREATE FUNCTION shared.note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
		INSERT INTO shared.seen SELECT count(*) FROM pg_catalog.pg_locks WHERE pid = pg_backend_pid() AND relation IS DISTINCT FROM 'shared.seen'::regclass
			AND relation IS DISTINCT FROM 'pg_catalog.pg_locks'::regclass;
	END $$; CREATE EVENT TRIGGER note ON ddl_command_end EXECUTE FUNCTION shared.note()`)
}

const everyKind = `
CREATE TYPE mood AS ENUM ('a', 'b'); CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE TYPE pair AS (a int, b mood);
CREATE SEQUENCE free; CREATE FUNCTION doubled(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';
CREATE PROCEDURE nothing() LANGUAGE sql AS ''; CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int);
CREATE TABLE a (id serial PRIMARY KEY, m mood DEFAULT 'a', n positive, p pair, u bigint REFERENCES shared.users (id));
CREATE TABLE b (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int REFERENCES a (id)); ALTER TABLE a ADD b int REFERENCES b (id);
CREATE VIEW v AS SELECT * FROM a JOIN LATERAL (SELECT doubled(a.id) AS twice) x ON true; CREATE VIEW w AS SELECT * FROM v; CREATE MATERIALIZED VIEW m AS SELECT * FROM w;
CREATE INDEX ON m (id); CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at); CREATE TABLE parts_1 PARTITION OF parts DEFAULT; CREATE INDEX ON parts (id);
CREATE STATISTICS "we ird" ON id, a FROM b; CREATE COLLATION german FROM "C"; CREATE TABLE "Quo""ted"."t"`

func TestAPurgeDropsEveryKindOfObject(t *testing.T) {
	t.Parallel()
	p := newPurging(t, strings.Replace(everyKind, `CREATE TABLE "Quo""ted"."t"`, `CREATE TABLE "Quo""ted" (id int)`, 1))
	p.exec("ALTER DEFAULT PRIVILEGES IN SCHEMA aside GRANT SELECT ON TABLES TO PUBLIC")
	if n, err := p.purge(context.Background()); err != nil || n < 15 {
		t.Fatalf("dropped %d, %v", n, err)
	}
	if n := p.number("SELECT count(*) FROM pg_namespace WHERE nspname = 'aside'"); n != 0 {
		t.Error("the schema is still there")
	}
	if n := p.number("SELECT count(*) FROM tenantry.target"); n != 0 {
		t.Error("its record is still there")
	}
	if n := p.number("SELECT count(*) FROM tenantry.change WHERE tenant = 'acme' AND 'DROP SCHEMA IF EXISTS \"aside\" CASCADE' = ANY (statements)"); n != 1 {
		t.Error("it is not in the history")
	}
}

func TestWhatOthersNeedIsNotPurged(t *testing.T) {
	t.Parallel()
	p := newPurging(t, "CREATE TABLE a (id int PRIMARY KEY); CREATE VIEW shared.all_of_them AS SELECT * FROM a; CREATE TABLE shared.more (a int REFERENCES a (id))")
	_, err := p.purge(context.Background())
	if err == nil || !strings.Contains(err.Error(), "other schemas need it: drop them first: ") || !strings.Contains(err.Error(), "shared.all_of_them") || !strings.Contains(err.Error(), "on table shared.more") {
		t.Errorf("purged: %v", err)
	}
	if n := p.number("SELECT count(*) FROM tenantry.target WHERE state = 'retired'"); n != 1 {
		t.Error("it is marked as being purged")
	}
}

func TestWhatIsProtectedOrCameBackIsNotPurged(t *testing.T) {
	t.Parallel()
	for _, change := range []string{"protected = true", "state = 'active'"} {
		p := newPurging(t, "CREATE TABLE a (id int)")
		p.exec("UPDATE tenantry.target SET " + change)
		var stale *reconcile.StaleError
		if _, err := p.purge(context.Background()); !errors.As(err, &stale) {
			t.Errorf("%s: %v", change, err)
		}
		if n := p.number("SELECT count(*) FROM aside.a"); n != 0 {
			t.Error(n)
		}
	}
}

// DROP SCHEMA would need more locks than the server has; the purge never holds
// more than the server grants to a transaction, and goes on where it was
// interrupted.
func TestASchemaOfThousandsOfTablesIsPurgedWithinTheLocksOfATransaction(t *testing.T) {
	t.Parallel()
	// A server of its own, for taking all locks would fail the tests beside it. There are as many locks as its connections may take.
	tables := pgtest.Size(2000, 5000)
	p := newPurgingAt(t, pgtest.Server(t, "max_connections="+strconv.Itoa(pgtest.Size(20, 200))).URL(), `SELECT`)
	most := p.number("SELECT current_setting('max_locks_per_transaction')::int")
	if most != 64 {
		t.Fatalf("the server's max_locks_per_transaction is %d, and not the default", most)
	}
	// In several transactions: making them needs as many locks as dropping them.
	for i := 0; i < tables; i += 500 {
		p.exec(`DO $$ BEGIN FOR i IN ` + strconv.Itoa(i) + `..` + strconv.Itoa(i+499) + ` LOOP
			EXECUTE format('CREATE TABLE aside.t%s (id int PRIMARY KEY, u bigint, before int DEFAULT 0)', i);
			IF i % 250 = 0 THEN EXECUTE format('ALTER TABLE aside.t%s ADD name text, ADD FOREIGN KEY (u) REFERENCES shared.users (id)', i); END IF;
			IF i % 10 = 5 THEN EXECUTE format('ALTER TABLE aside.t%s ADD FOREIGN KEY (before) REFERENCES aside.t%s (id)', i, i / 2); END IF;
		END LOOP; END $$`)
	}
	if _, err := p.conn.Exec(context.Background(), "DROP SCHEMA aside CASCADE"); err == nil {
		t.Fatal("the server drops it at once, so nothing is shown here")
	}
	p.watch()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for p.db.Version() > 0 && ctx.Err() == nil {
			if n, err := p.seen(); err == nil && n > 20 {
				cancel()
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	if n, err := p.purge(ctx); err == nil {
		t.Fatalf("not interrupted: %d", n)
	}
	cancel()
	left := p.number("SELECT count(*) FROM pg_class WHERE relnamespace = 'aside'::regnamespace AND relkind = 'r'")
	if left == 0 || left == tables {
		t.Errorf("after the interruption %d are left", left)
	}
	if n := p.number("SELECT count(*) FROM tenantry.target WHERE state = 'purging'"); n != 1 {
		t.Error("nobody knows that a purge has begun")
	}
	// The server may still have committed what was on its way when the purge was interrupted: a batch, and no more.
	if n, err := p.purge(context.Background()); err != nil || n > left || left-n > most {
		t.Errorf("%d of %d left: %v", n, left, err)
	}
	if n := p.number("SELECT max(locks) FROM shared.seen"); n > most {
		t.Errorf("it held %d locks", n)
	}
	if n := p.number("SELECT count(*) FROM pg_namespace WHERE nspname = 'aside'"); n != 0 {
		t.Error("the schema is still there")
	}
}

// seen counts the drops so far, on a connection of its own.
func (p *purging) seen() (n int, err error) {
	conn, err := pgx.Connect(context.Background(), p.conn.Config().ConnString())
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.Background())
	return n, conn.QueryRow(context.Background(), "SELECT count(*) FROM shared.seen").Scan(&n)
}
