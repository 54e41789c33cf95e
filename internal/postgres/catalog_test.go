package postgres

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
	"tenantry/schema"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// everyKind makes a schema that holds every kind of object.
func everyKind(t testing.TB, conn *pgx.Conn, name string) {
	t.Helper()
	text, err := os.ReadFile("testdata/every_kind.sql")
	if err != nil {
		t.Fatal(err)
	}
	sql := fmt.Sprintf("CREATE SCHEMA %[1]s; SET search_path = %[1]s, public; COMMENT ON SCHEMA %[1]s IS 'it''s a tenant';\n%[2]s", schema.QuoteIdent(name), text)
	if err := simple(context.Background(), conn, sql); err != nil {
		t.Fatal(err)
	}
}

func newDB(t testing.TB) (*DB, *pgx.Conn) {
	t.Helper()
	ctx := context.Background()
	url := pgtest.URL(t)
	db, err := Open(ctx, "main", url, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(ctx) })
	if err := simple(ctx, conn, "CREATE SCHEMA identity; CREATE TABLE identity.users (id bigint PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	return db, conn
}

// A fingerprint is the same in bulk, one by one, through the function that an
// apply uses, and computed here from the lines.
func TestEveryWayToAFingerprintGivesTheSame(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, conn := newDB(t)
	var names []string
	for i := range fewSchemas + 5 {
		names = append(names, fmt.Sprintf("we-ird %d", i))
		everyKind(t, conn, names[i])
	}
	bulk, err := db.Observe(ctx, names, true)
	if err != nil {
		t.Fatal(err)
	}
	one, err := db.Observe(ctx, names[:1], true)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := db.Lines(ctx, names[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Prepare(ctx); err != nil {
		t.Fatal(err)
	}
	want := schema.FingerprintOf(lines)
	for _, name := range names {
		if got := bulk.Live[name]; got.Fingerprint != want {
			t.Errorf("%s: in bulk %v, want %v", name, got.Fingerprint, want)
		}
	}
	if got := one.Live[names[0]]; got != bulk.Live[names[0]] {
		t.Errorf("one by one %v, in bulk %v", got, bulk.Live[names[0]])
	}
	var looked schema.Fingerprint
	var token string
	row := conn.QueryRow(ctx, "SELECT * FROM "+db.functions.name("look")+"($1, $2, '')", names[0], structureKinds)
	if err := row.Scan(&looked.Structure, &looked.Objects, &token); err != nil {
		t.Fatal(err)
	}
	if looked != want || token != bulk.Live[names[0]].Token {
		t.Errorf("through the function %v %s, want %v %s", looked, token, want, bulk.Live[names[0]].Token)
	}
}

// Every kind of line that the planner knows occurs in every_kind.sql, so that
// the test above means what it says.
func TestEveryKindIsInTheTestsSchema(t *testing.T) {
	t.Parallel()
	db, conn := newDB(t)
	everyKind(t, conn, "t")
	lines, err := db.Lines(context.Background(), "t")
	if err != nil {
		t.Fatal(err)
	}
	have := make(map[schema.Kind]bool)
	for _, l := range lines {
		have[l.Kind] = true
	}
	for _, k := range schema.PlannedKinds() {
		if !have[k] {
			t.Errorf("no %s", k)
		}
	}
}

// Definitions do not depend on the schema's name, whatever it is.
func TestLinesDoNotKnowTheirSchemasName(t *testing.T) {
	t.Parallel()
	db, conn := newDB(t)
	var want []schema.Line
	for _, name := range []string{"t", "id", "text", "select", "we-ird", "we", "posts", "live", strings.Repeat("x", 63)} {
		everyKind(t, conn, name)
		lines, err := db.Lines(context.Background(), name)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = lines
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("schema %s:\n%s", name, diff)
		}
	}
}

// The catalog queries keep to their plan on a database that was never analysed:
// for one schema no catalog is read whole, for many none is read in a loop.
func TestCatalogQueriesAreSteered(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, conn := newDB(t)
	var names []string
	for i := range fewSchemas + 1 {
		names = append(names, fmt.Sprintf("t%d", i))
		everyKind(t, conn, names[i])
	}
	for what, query := range map[string]string{"token": tokenQuery, "fingerprint": fingerprintQuery(db.version)} {
		args := []any{names[:1]}
		if what == "fingerprint" {
			args = append(args, structureKinds)
		}
		for _, line := range db.explain(t, ctx, names[:1], query, args) {
			if strings.Contains(line, "Seq Scan on pg_") || strings.Contains(line, "Hash Join") {
				t.Errorf("%s of one schema: %s", what, strings.TrimSpace(line))
			}
		}
		args[0] = names
		for _, line := range db.explain(t, ctx, names, query, args) {
			if strings.Contains(line, "Nested Loop") && !strings.Contains(line, "Function") && what == "token" {
				t.Errorf("%s of many schemas: %s", what, strings.TrimSpace(line))
			}
		}
	}
}

func (db *DB) explain(t *testing.T, ctx context.Context, schemas []string, query string, args []any) (plan []string) {
	t.Helper()
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		rows, err := db.catalog(ctx, tx, schemas, "EXPLAIN (COSTS off) "+query, args...)
		if err != nil {
			return err
		}
		plan, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// The lines of some relations and kinds, through the function that an apply uses,
// are those among all lines.
func TestAPartOfASchemaIsWhatItIsAmongAll(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, conn := newDB(t)
	everyKind(t, conn, "we-ird")
	if err := db.Prepare(ctx); err != nil {
		t.Fatal(err)
	}
	lines, err := db.Lines(ctx, "we-ird")
	if err != nil {
		t.Fatal(err)
	}
	parts := make(map[[2]string][]schema.Line) // by relation and kind
	for _, l := range lines {
		switch l.Kind { // named by the relation itself
		case schema.KindTable, schema.KindView, schema.KindMaterializedView, schema.KindSequence, schema.KindOwnedSequence, schema.KindRowSecurity, schema.KindReplicaIdentity, schema.KindCluster:
			parts[[2]string{l.Name, string(l.Kind)}] = append(parts[[2]string{l.Name, string(l.Kind)}], l)
		case schema.KindDomainConstraint:
		default:
			if l.Table != "" {
				parts[[2]string{l.Table, string(l.Kind)}] = append(parts[[2]string{l.Table, string(l.Kind)}], l)
			}
		}
	}
	for at, want := range parts {
		rows, err := conn.Query(ctx, "SELECT '', o_kind, o_table, o_name, o_def FROM "+db.functions.name("lines")+"('we-ird', $1, $2) WHERE o_kind = ANY ($2)", []string{at[0]}, []string{at[1]})
		if err != nil {
			t.Fatal(err)
		}
		got, err := pgx.CollectRows(rows, scanLine)
		if err != nil {
			t.Fatal(err)
		}
		schema.SortLines(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s of %s:\n%s", at[1], at[0], diff)
		}
	}
}

// The function passes over what it finds no sign of: whatever a schema holds, and
// it alone, it prints as the query for many does.
func TestASchemaWithLittleInItIsPrintedAsAmongMany(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, conn := newDB(t)
	if err := db.Prepare(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, "CREATE TABLE public.parent (id int); CREATE TABLE public.parts (id int) PARTITION BY RANGE (id)"); err != nil {
		t.Fatal(err)
	}
	const t0 = "CREATE TABLE t (id int, name text); "
	for i, sql := range []string{
		"", t0, "CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL DEFAULT 'x' UNIQUE, CHECK (name <> ''))", "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY)",
		"CREATE TABLE t (id serial)", "CREATE UNLOGGED TABLE t (id int)", "CREATE TABLE t (id int) WITH (fillfactor = 70)", "CREATE TABLE t (name text) WITH (toast.autovacuum_enabled = off)",
		"CREATE TABLE t () INHERITS (public.parent)", "CREATE TABLE t PARTITION OF public.parts FOR VALUES FROM (1) TO (2)", "CREATE TABLE t (id int) PARTITION BY LIST (id)",
		"CREATE TABLE t (name text COLLATE \"C\")", "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) STORED)", t0 + "ALTER TABLE t ALTER name SET STORAGE external",
		t0 + "ALTER TABLE t ALTER name SET (n_distinct = 5)", t0 + "CREATE INDEX i ON t (name)", t0 + "CREATE INDEX i ON t (name); ALTER TABLE t CLUSTER ON i",
		t0 + "ALTER TABLE t REPLICA IDENTITY FULL", t0 + "ALTER TABLE t ENABLE ROW LEVEL SECURITY", t0 + "CREATE POLICY p ON t", t0 + "CREATE POLICY p ON t; COMMENT ON POLICY p ON t IS 'p'",
		t0 + "CREATE RULE r AS ON INSERT TO t DO NOTHING", "CREATE VIEW v AS SELECT 1 AS a", "CREATE VIEW v AS SELECT 1 AS a; COMMENT ON COLUMN v.a IS 'a'", "CREATE MATERIALIZED VIEW v AS SELECT 1 AS a",
		"CREATE MATERIALIZED VIEW v AS SELECT 1 AS a; CREATE INDEX i ON v (a)", "CREATE SEQUENCE s", "CREATE SEQUENCE s; COMMENT ON SEQUENCE s IS 's'", "CREATE TYPE e AS ENUM ('a', 'b')",
		"CREATE DOMAIN d AS int CHECK (VALUE > 0)", "CREATE DOMAIN d AS int; COMMENT ON DOMAIN d IS 'd'", "CREATE TYPE c AS (a int)", "CREATE TYPE r AS RANGE (SUBTYPE = int)", "CREATE TYPE nothing_yet",
		"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; COMMENT ON FUNCTION f() IS 'f'", "CREATE PROCEDURE p() LANGUAGE sql AS ''",
		"CREATE AGGREGATE a (int) (SFUNC = int4pl, STYPE = int)", t0 + "CREATE STATISTICS s ON id, name FROM t", "CREATE OPERATOR === (FUNCTION = int4eq, LEFTARG = int, RIGHTARG = int)", "CREATE COLLATION c FROM \"C\"",
		t0 + "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f()", t0 + "COMMENT ON TABLE t IS 't'", t0 + "COMMENT ON COLUMN t.id IS 'id'",
		t0 + "CREATE INDEX i ON t (name); COMMENT ON INDEX i IS 'i'", "CREATE TABLE t (id int CONSTRAINT k CHECK (id > 0)); COMMENT ON CONSTRAINT k ON t IS 'k'", "COMMENT ON SCHEMA \"SCHEMA\" IS 'all of it'",
		"CREATE TABLE flyway_schema_history (installed_rank int)", "ALTER DEFAULT PRIVILEGES IN SCHEMA \"SCHEMA\" GRANT SELECT ON TABLES TO PUBLIC",
		"CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int REFERENCES t DEFERRABLE); ALTER TABLE u ADD CHECK (id > 1) NOT VALID",
	} {
		name := fmt.Sprintf("little_%d", i)
		all := "CREATE SCHEMA " + name + "; SET LOCAL search_path = " + name + "; " + strings.ReplaceAll(sql, "SCHEMA\"", name+"\"")
		if _, err := conn.Exec(ctx, "BEGIN; "+all+"; COMMIT"); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		db.ready.Store(true)
		alone, err := db.Lines(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		seen, err := db.Observe(ctx, []string{name}, false)
		if err != nil {
			t.Fatal(err)
		}
		db.ready.Store(false)
		among, err := db.Lines(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(among, alone); diff != "" {
			t.Errorf("%s:\n%s", sql, diff)
		}
		var token string
		if err := db.reading(ctx, func(tx pgx.Tx) error {
			tokens, err := db.tokens(ctx, tx, []string{name})
			token = tokens[name]
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if live := seen.Live[name]; live.Token != token || live.Fingerprint != schema.FingerprintOf(among) {
			t.Errorf("%s: alone %+v, among many %s %s", sql, live, token, schema.FingerprintOf(among))
		}
	}
}
