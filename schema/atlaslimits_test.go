package schema

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"

	"tenantry/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// atlasPlan returns the statements that Atlas plans for changes.
func atlasPlan(changes ...atlas.Change) ([]string, error) {
	plan, err := postgres.DefaultPlan.PlanChanges(context.Background(), "plan", changes)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range plan.Changes {
		out = append(out, c.Cmd)
	}
	return out, nil
}

func TestAtlasStillReferencesAnIndexBeforeItIsThere(t *testing.T) {
	table := func() *atlas.Table {
		id, parent := atlas.NewIntColumn("id", "int"), atlas.NewIntColumn("parent", "int")
		nodes := atlas.NewTable("nodes").SetSchema(atlas.New("s")).AddColumns(id, parent)
		nodes.AddIndexes(atlas.NewUniqueIndex("nodes_id").AddColumns(id))
		return nodes.AddForeignKeys(atlas.NewForeignKey("nodes_parent").AddColumns(parent).SetRefTable(nodes).AddRefColumns(id))
	}
	statements, err := atlasPlan(&atlas.AddTable{T: table()})
	if err != nil || len(statements) != 2 || !strings.Contains(statements[0], "FOREIGN KEY") {
		t.Errorf("foreignKeysApart may go: %q %v", statements, err)
	}
	first, last := foreignKeysApart([]atlas.Change{&atlas.AddTable{T: table()}})
	if statements, err = atlasPlan(append(first, last...)...); err != nil || len(statements) != 3 || !strings.Contains(statements[2], "FOREIGN KEY") {
		t.Errorf("not apart: %q %v", statements, err)
	}
}

func TestAtlasStillCannotAddOrDropAnIdentity(t *testing.T) {
	plain, identity := atlas.NewIntColumn("id", "int"), atlas.NewIntColumn("id", "bigint")
	identity.AddAttrs(&postgres.Identity{Generation: "ALWAYS", Sequence: &postgres.Sequence{Start: 1, Increment: 1}})
	table := atlas.NewTable("t").SetSchema(atlas.New("s")).AddColumns(identity)
	for _, c := range []*atlas.ModifyColumn{{From: plain, To: identity, Change: atlas.ChangeAttr}, {From: identity, To: plain, Change: atlas.ChangeAttr}} {
		change := &atlas.ModifyTable{T: table, Changes: []atlas.Change{c}}
		if statements, err := atlasPlan(change); err == nil {
			t.Errorf("identitiesApart may go: %q", statements)
		}
		if left := identitiesApart([]atlas.Change{change}); len(left) != 0 {
			t.Errorf("not apart: %v", left)
		}
		c.Change |= atlas.ChangeType
		statements, err := atlasPlan(identitiesApart([]atlas.Change{change})...)
		if err != nil || len(statements) != 1 || !strings.Contains(statements[0], "TYPE") {
			t.Errorf("the type got lost: %q %v", statements, err)
		}
	}
}

func TestAtlasStillLosesAnEnumsValue(t *testing.T) {
	s := atlas.New("s")
	change := &atlas.ModifyObject{
		From: &atlas.EnumType{T: "mood", Values: []string{"sad", "happy"}, Schema: s},
		To:   &atlas.EnumType{T: "mood", Values: []string{"sad"}, Schema: s},
	}
	if statements, err := atlasPlan(change); err != nil || len(statements) != 0 {
		t.Errorf("lostValues may go: %q %v", statements, err)
	}
	if err := lostValues([]atlas.Change{change}); err == nil {
		t.Error("not refused")
	}
}

func TestAtlasStillComparesDefaultsThatHaveNoEquality(t *testing.T) {
	ctx := context.Background()
	db, err := sql.Open("pgx", pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	with := func(value string) *atlas.Schema {
		doc := atlas.NewJSONColumn("doc", "json").SetDefault(&atlas.RawExpr{X: value})
		return atlas.New("s").AddTables(atlas.NewTable("t").AddColumns(doc))
	}
	for _, safe := range []bool{true, false} {
		drv, err := postgres.Open(tx)
		if safe {
			drv, err = postgres.Open(failSafe{&Bench{Workbench: txBench{tx}}})
		}
		if err != nil {
			t.Fatal(err)
		}
		changes, err := drv.SchemaDiff(with("'{}'::json"), with("'[]'::json"))
		if safe && (err != nil || len(changes) != 1) {
			t.Errorf("not safe: %v %v", changes, err)
		}
		if !safe && err == nil {
			t.Errorf("failSafe may go: %v", changes)
		}
	}
}

// txBench is a workbench of nothing but a transaction.
type txBench struct{ *sql.Tx }

func (txBench) Lines(context.Context, string) ([]Line, error)           { return nil, nil }
func (txBench) Marks(context.Context, string) (map[Place]string, error) { return nil, nil }
func (txBench) Close() error                                            { return nil }

func TestAtlasStillReadsWholeCatalogs(t *testing.T) {
	ctx := context.Background()
	db, err := sql.Open("pgx", pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, `CREATE SCHEMA a; CREATE SCHEMA b;
		CREATE TABLE a.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE); CREATE INDEX ON a.t (lower(name));
		CREATE TYPE a.mood AS ENUM ('good', 'bad'); CREATE DOMAIN a.mail AS varchar(80) NOT NULL; CREATE DOMAIN a.sum AS numeric(9,3);
		CREATE TABLE a.all_kinds (code char(3) DEFAULT 'x', word varchar(20) COLLATE "C", list int[], names varchar(5)[], mail a.mail, sum a.sum, mood a.mood NOT NULL DEFAULT 'good', moods a.mood[],
			price numeric(10,2), any_price numeric, at timestamp(3), since timestamptz DEFAULT now(), span interval day to second(2), any_span interval, bits bit(5), many bit varying(7), n bigserial,
			twice numeric GENERATED ALWAYS AS (price * 2) STORED, line point, doc jsonb, real_n real, double_n float8, gone int, PRIMARY KEY (n));
		ALTER TABLE a.all_kinds DROP COLUMN gone; COMMENT ON COLUMN a.all_kinds.doc IS 'a document';
		CREATE TABLE a.parts (id int GENERATED BY DEFAULT AS IDENTITY (START 5 INCREMENT 3), at date) PARTITION BY RANGE (at);
		CREATE TABLE b.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int REFERENCES a.t, EXCLUDE (a WITH =))`); err != nil {
		t.Fatal(err)
	}
	asked := &listening{Bench: &Bench{Workbench: txBench{tx}}}
	var said []string
	for _, conn := range []atlas.ExecQuerier{asked, narrow{asked.Bench}} {
		drv, err := postgres.Open(conn)
		if err != nil {
			t.Fatal(err)
		}
		realm, err := drv.InspectRealm(ctx, &atlas.InspectRealmOption{Schemas: []string{"a", "b"}})
		if err != nil {
			t.Fatal(err)
		}
		text, err := postgres.MarshalHCL.MarshalSpec(realm)
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, string(text))
	}
	if diff := cmp.Diff(said[0], said[1]); diff != "" {
		t.Errorf("told the schema, Atlas sees something else:\n%s", diff)
	}
	for _, wide := range wideQueries {
		if !strings.Contains(asked.queries, wide[0]) {
			t.Errorf("this may go, or is worded otherwise now: %q", wide[0])
		}
	}
}

// listening keeps the queries.
type listening struct {
	*Bench
	queries string
}

func (l *listening) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	l.queries += query
	return l.Bench.QueryContext(ctx, query, args...)
}
