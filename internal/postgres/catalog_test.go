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
