package reconcile_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantry/internal/pgtest"
	"tenantry/reconcile"
	"tenantry/schema"
)

// driftSchema is what every tenant of the drift table should be.
const driftSchema = `
CREATE TYPE kind AS ENUM ('note', 'essay');
CREATE TYPE pair AS (a int, b int);
CREATE DOMAIN email AS text CONSTRAINT email_at CHECK (VALUE ~ '@');
CREATE SEQUENCE numbers START 10;
CREATE FUNCTION one() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TABLE authors (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	mail email NOT NULL,
	name varchar(20),
	CONSTRAINT authors_mail_key UNIQUE (mail)
);
CREATE TABLE posts (
	id bigint PRIMARY KEY,
	author bigint NOT NULL CONSTRAINT posts_author_fkey REFERENCES authors ON DELETE CASCADE,
	title varchar(20) NOT NULL DEFAULT 'untitled',
	body text,
	price numeric(10, 2),
	kind kind NOT NULL DEFAULT 'note',
	tags text[],
	upper text GENERATED ALWAYS AS (upper(body)) STORED,
	CONSTRAINT posts_price CHECK (price > 0)
) WITH (fillfactor = 80);
CREATE INDEX posts_title ON posts (title);
CREATE INDEX posts_tags ON posts USING gin (tags);
CREATE UNIQUE INDEX posts_once ON posts (author, title) WHERE price > 5;
CREATE STATISTICS posts_stats ON author, price FROM posts;
COMMENT ON TABLE posts IS 'What is written.';
COMMENT ON COLUMN posts.title IS 'The title.';
CREATE VIEW titles AS SELECT id, title FROM posts;
CREATE VIEW titles_upper AS SELECT id, upper(title) AS title FROM titles;
CREATE MATERIALIZED VIEW counts AS SELECT author, count(*) AS n FROM posts GROUP BY author;
CREATE UNIQUE INDEX counts_author ON counts (author);
CREATE TRIGGER posts_touch BEFORE UPDATE OF title ON posts FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE authors ENABLE ROW LEVEL SECURITY;
CREATE POLICY authors_all ON authors USING (id > 0);
CREATE RULE posts_rule AS ON DELETE TO posts WHERE OLD.id < 0 DO INSTEAD NOTHING;
`

// An ending is what is to become of a drift.
type ending string

const (
	heals     ending = "heals"     // the tenant becomes again what it should be
	unmanaged ending = "unmanaged" // it is listed, left alone, and no reason for a plan
	stays     ending = "stays"     // nothing would mend it, and every plan says so
)

// drifts lists what somebody does to a tenant by hand.
var drifts = []struct {
	sql    string
	ending ending
	named  string // in the explanation
}{
	{"DROP INDEX posts_title", heals, "index posts.posts_title: missing"},
	{"ALTER INDEX posts_title RENAME TO other", heals, "index posts.other: unexpected"},
	{"DROP INDEX posts_title; CREATE INDEX posts_title ON posts (title) WHERE id > 5", heals, "index posts.posts_title: is"},
	{"DROP INDEX posts_title; CREATE INDEX posts_title ON posts (title DESC)", heals, "index posts.posts_title: is"},
	{"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'posts_title'::regclass", heals, "INVALID"},
	{"CREATE INDEX by_hand ON posts (body)", heals, "index posts.by_hand: unexpected"},
	{"ALTER INDEX posts_tags SET (fastupdate = off)", heals, "index posts.posts_tags: is"},
	{"ALTER TABLE posts ADD COLUMN extra int", heals, "column posts.extra: unexpected"},
	{"ALTER TABLE posts DROP COLUMN body CASCADE", heals, "column posts.body: missing"},
	{"ALTER TABLE posts RENAME COLUMN body TO text", heals, "column posts.text: unexpected"},
	{"ALTER TABLE posts RENAME TO articles", heals, "table articles: unexpected"},
	{"DROP TABLE posts CASCADE", heals, "table posts: missing"},
	{"CREATE TABLE by_hand (id serial PRIMARY KEY)", heals, "table by_hand: unexpected"},
	{"ALTER TABLE posts ALTER COLUMN title SET DEFAULT 'other'", heals, "default posts.title: is 'other'"},
	{"ALTER TABLE posts ALTER COLUMN title DROP DEFAULT", heals, "default posts.title: missing"},
	{"ALTER TABLE posts ALTER COLUMN body SET DEFAULT ''", heals, "default posts.body: unexpected"},
	{"ALTER TABLE posts ALTER COLUMN price TYPE numeric(12, 2)", heals, "column posts.price: is numeric(12,2)"},
	{"ALTER TABLE authors ALTER COLUMN name TYPE int USING 0", heals, "column authors.name: is integer"},
	{"DROP VIEW titles CASCADE; DROP TRIGGER posts_touch ON posts; ALTER TABLE posts ALTER COLUMN title TYPE varchar(10)", heals, "column posts.title: is character varying(10)"},
	{"ALTER TABLE posts ALTER COLUMN author DROP NOT NULL", heals, "not null posts.author: missing"},
	{"ALTER TABLE posts ALTER COLUMN body SET NOT NULL", heals, "not null posts.body: unexpected"},
	{"ALTER TABLE posts DROP CONSTRAINT posts_price", heals, "constraint posts.posts_price: missing"},
	{"ALTER TABLE posts DROP CONSTRAINT posts_price, ADD CONSTRAINT posts_price CHECK (price > 0) NOT VALID", heals, "NOT VALID"},
	{"ALTER TABLE posts DROP CONSTRAINT posts_price, ADD CONSTRAINT posts_price CHECK (price > 1)", heals, "constraint posts.posts_price: is"},
	{"ALTER TABLE posts RENAME CONSTRAINT posts_price TO other", heals, "constraint posts.other: unexpected"},
	{"ALTER TABLE authors DROP CONSTRAINT authors_mail_key, ADD CONSTRAINT authors_mail_key UNIQUE (mail) DEFERRABLE", heals, "DEFERRABLE"},
	{"ALTER TABLE authors DROP CONSTRAINT authors_mail_key; CREATE UNIQUE INDEX authors_mail_key ON authors (mail)", heals, "index authors.authors_mail_key: unexpected"},
	{"ALTER TABLE posts DROP CONSTRAINT posts_author_fkey, ADD CONSTRAINT posts_author_fkey FOREIGN KEY (author) REFERENCES authors", heals, "constraint posts.posts_author_fkey: is"},
	{"ALTER TABLE posts ALTER CONSTRAINT posts_author_fkey DEFERRABLE INITIALLY DEFERRED", heals, "DEFERRABLE INITIALLY DEFERRED"},
	{"ALTER TABLE posts DROP CONSTRAINT posts_author_fkey", heals, "constraint posts.posts_author_fkey: missing"},
	{"ALTER TABLE authors DROP CONSTRAINT authors_pkey CASCADE", heals, "constraint authors.authors_pkey: missing"},
	{"ALTER TABLE authors ALTER COLUMN id SET GENERATED BY DEFAULT", heals, "identity authors.id: is"},
	{"ALTER TABLE authors ALTER COLUMN id SET INCREMENT BY 7 SET CYCLE", heals, "INCREMENT BY 7"},
	{"ALTER TABLE authors ALTER COLUMN id DROP IDENTITY", heals, "identity authors.id: missing"},
	{"COMMENT ON TABLE posts IS 'Other.'", heals, "comment on table posts: differs"},
	{"COMMENT ON COLUMN posts.body IS 'Mine.'", heals, "comment on column posts.body: unexpected"},
	{"COMMENT ON COLUMN posts.title IS NULL", heals, "comment on column posts.title: missing"},
	{"COMMENT ON INDEX posts_title IS 'Mine.'", heals, "comment on index posts_title: unexpected"},
	{"ALTER TABLE posts SET (fillfactor = 50, autovacuum_enabled = off)", heals, "table posts: is"},
	{"ALTER TABLE posts SET (toast.autovacuum_enabled = off)", heals, "toast.autovacuum_enabled"},
	{"ALTER TABLE posts RESET (fillfactor)", heals, "table posts: is"},
	{"ALTER TABLE posts SET UNLOGGED", heals, "table posts: is UNLOGGED"},
	{"ALTER TABLE posts REPLICA IDENTITY FULL", heals, "replica identity posts: unexpected"},
	{"ALTER TABLE posts CLUSTER ON posts_title", heals, "cluster posts: unexpected"},
	{"ALTER TABLE posts ALTER COLUMN body SET STORAGE EXTERNAL", heals, "column options posts.body: unexpected"},
	{"ALTER TABLE posts ALTER COLUMN price SET STATISTICS 10, ALTER COLUMN author SET (n_distinct = 5)", heals, "column options posts.price: unexpected"},
	{"ALTER TABLE posts ALTER COLUMN upper DROP EXPRESSION", stays, "column posts.upper: is text"},
	{"ALTER TABLE posts DROP COLUMN upper, ADD COLUMN upper text GENERATED ALWAYS AS (lower(body)) STORED", heals, "column posts.upper: is"},
	{"ALTER TYPE kind ADD VALUE 'book'", stays, "enum kind: is"},
	{"ALTER TYPE kind RENAME VALUE 'essay' TO 'book'", stays, "enum kind: is"},
	{"CREATE TYPE by_hand AS ENUM ('x')", heals, "enum by_hand: unexpected"},
	{"ALTER TYPE pair ADD ATTRIBUTE c int", heals, "composite type pair: is"},
	{"ALTER DOMAIN email DROP CONSTRAINT email_at", heals, "domain constraint email.email_at: missing"},
	{"ALTER DOMAIN email SET DEFAULT 'a@b'", heals, "domain email: is"},
	{"ALTER SEQUENCE numbers INCREMENT 5", heals, "sequence numbers: is"},
	{"DROP SEQUENCE numbers", heals, "sequence numbers: missing"},
	{"CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2'", heals, "function one(): is"},
	{"ALTER FUNCTION one() STABLE SECURITY DEFINER", heals, "SECURITY DEFINER"},
	{"DROP FUNCTION touch() CASCADE", heals, "function touch(): missing"},
	{"CREATE OR REPLACE VIEW titles AS SELECT id, title FROM posts WHERE id > 5", heals, "view titles: is"},
	{"DROP VIEW titles CASCADE", heals, "view titles_upper: missing"},
	{"DROP INDEX counts_author", heals, "materialized view index counts.counts_author: missing"},
	{"ALTER TABLE posts DISABLE TRIGGER posts_touch", heals, "DISABLED"},
	{"DROP TRIGGER posts_touch ON posts", heals, "trigger posts.posts_touch: missing"},
	{"ALTER POLICY authors_all ON authors USING (id > 5)", heals, "policy authors.authors_all: is"},
	{"ALTER TABLE authors DISABLE ROW LEVEL SECURITY", heals, "row security authors: missing"},
	{"ALTER TABLE authors FORCE ROW LEVEL SECURITY", heals, "row security authors: is"},
	{"DROP RULE posts_rule ON posts", heals, "rule posts.posts_rule: missing"},
	{"DROP STATISTICS posts_stats", heals, "statistics posts_stats: missing"},
	{"CREATE VIEW by_hand AS SELECT body FROM posts", unmanaged, "view by_hand"},
	{"CREATE FUNCTION by_hand(a int) RETURNS int LANGUAGE sql AS 'SELECT 1'", unmanaged, "function by_hand(a integer)"},
	{"CREATE PROCEDURE by_hand() LANGUAGE sql AS 'SELECT 1'", unmanaged, "procedure by_hand()"},
	{"CREATE SEQUENCE by_hand", unmanaged, "sequence by_hand"},
	{"CREATE TRIGGER by_hand BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION touch()", unmanaged, "trigger posts.by_hand"},
	{"CREATE POLICY by_hand ON posts USING (true)", unmanaged, "policy posts.by_hand"},
	{"CREATE RULE by_hand AS ON UPDATE TO posts WHERE OLD.id < 0 DO INSTEAD NOTHING", unmanaged, "rule posts.by_hand"},
	{"CREATE STATISTICS by_hand ON id, title FROM posts", unmanaged, "statistics by_hand"},
	{"CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)", unmanaged, "operator"},
	{"CREATE COLLATION by_hand (locale = 'C')", unmanaged, "collation by_hand"},
}

func driftWorld(t *testing.T, ids ...string) *world {
	w := newWorld(t, map[string]string{
		"atlas.hcl": "env \"app\" {\n  src = [\"file://app.hcl\", \"file://app.sql\"]\n}\n",
		"app.hcl":   head, "app.sql": driftSchema,
		"tenants.yaml": "version: 1\npolicy: {max_failures: 100, parallelism: 4}\n" + tenants(ids...),
	})
	w.allowDestructive = true
	return w
}

// as runs SQL within a schema.
func (w *world) as(name, sql string) {
	w.t.Helper()
	w.exec("SET search_path = " + schema.QuoteIdent(name) + ", public; " + sql + "; RESET search_path")
}

func TestDriftIsSeenExplainedAndHealed(t *testing.T) {
	t.Parallel()
	ids := []string{"untouched"}
	for i := range drifts {
		ids = append(ids, fmt.Sprintf("drift%d", i))
	}
	w := driftWorld(t, ids...)
	w.converge()
	want := w.lines("tenant_untouched")
	for i, d := range drifts {
		w.as(fmt.Sprintf("tenant_drift%d", i), d.sql)
	}
	report := w.reconcile()
	again := w.plan()
	for i, d := range drifts {
		name := fmt.Sprintf("tenant_drift%d", i)
		t.Run(d.sql, func(t *testing.T) {
			first, second := targetOf(report.Plan, name), targetOf(again, name)
			if said := strings.Join(first.Drift, "\n"); d.ending != unmanaged && (first.Reason != reconcile.ReasonDrifted && first.Action != reconcile.ActionBlocked || !strings.Contains(said, d.named)) {
				t.Errorf("explained by %q, which does not say %q; %s %s", said, d.named, first.Action, first.Reason)
			}
			outcome := report.Outcomes[slices.IndexFunc(report.Plan.Targets, func(t reconcile.PlannedTarget) bool { return t.Schema == name })]
			switch d.ending {
			case heals:
				if outcome.Result != reconcile.ResultApplied || second.Action != reconcile.ActionNone {
					t.Errorf("%s %s; then %s %s", outcome.Result, outcome.Error, second.Action, second.Reason)
				}
				if diff := cmp.Diff(want, w.lines(name)); diff != "" {
					t.Errorf("not healed:\n%s", diff)
				}
			case unmanaged:
				listed := strings.Join(stepOf(report.Plan, first).Unmanaged, "\n")
				if outcome.Result != reconcile.ResultUnchanged || second.Action != reconcile.ActionNone || !strings.Contains(listed, d.named) {
					t.Errorf("%s %s, listed %q; then %s %s", outcome.Result, outcome.Error, listed, second.Action, second.Reason)
				}
				if len(w.lines(name)) != len(want)+1 {
					t.Error("touched")
				}
			case stays:
				if second.Action == reconcile.ActionNone && !second.Failed() {
					t.Errorf("called in sync: %+v", second)
				}
			}
		})
	}
}

func targetOf(p *reconcile.Plan, name string) *reconcile.PlannedTarget {
	for i := range p.Targets {
		if p.Targets[i].Schema == name {
			return &p.Targets[i]
		}
	}
	return nil
}

// strangeNames are schemas whose names might be taken for something else.
var strangeNames = []string{"t", "id", "text", "select", "we-ird", "abc", "abcd", "x", "Upper", "pg", "public_", "a.b", "it's"}

// namedSchema mentions every strange name where it could do harm.
const namedSchema = `
CREATE TYPE text_t AS ENUM ('t', 'id', 'x.y');
CREATE FUNCTION x(t int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT t';
CREATE TABLE t (
	id int PRIMARY KEY, t text DEFAULT 't.id', "select" text_t DEFAULT 'x.y', "we-ird" int DEFAULT x(1),
	CHECK (t <> 't.' AND t <> 'id.t' AND t <> '"we-ird".t' AND t <> 'select.x' AND t <> 'abc.d' AND t <> 'text.t'),
	CHECK (x(id) > 0)
);
CREATE TABLE id (t int REFERENCES t, x int GENERATED ALWAYS AS (x(2)) STORED);
CREATE TABLE abc (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE abcd PARTITION OF abc DEFAULT;
CREATE INDEX "select" ON t (x(id), t) WHERE t <> 'abc.t' AND id > 0;
CREATE VIEW text AS SELECT t.id, t.t AS text FROM t t JOIN id id ON id.t = t.id;
CREATE SEQUENCE abc_seq;
COMMENT ON TABLE t IS 't.t';
`

func TestFingerprintsDoNotDependOnTheSchemasName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, name := range strangeNames {
		w.exec("CREATE SCHEMA " + schema.QuoteIdent(name))
		w.as(name, namedSchema)
	}
	want := w.lines(strangeNames[0])
	equal := w.observe(strangeNames...)
	for _, name := range strangeNames {
		if diff := cmp.Diff(want, w.lines(name)); diff != "" || equal.Live[name].Fingerprint != schema.FingerprintOf(want) {
			t.Errorf("%q differs from its equal:\n%s", name, diff)
		}
	}
	for _, name := range strangeNames { // each says its own name in a literal
		w.as(name, "ALTER TABLE id ADD COLUMN s text DEFAULT '"+strings.ReplaceAll(name, "'", "''")+".t'")
	}
	seen := make(map[schema.Fingerprint]string)
	different := w.observe(strangeNames...)
	for _, name := range strangeNames {
		f := different.Live[name].Fingerprint
		if other, ok := seen[f]; ok {
			t.Errorf("%q and %q are different and have one fingerprint", name, other)
		}
		seen[f] = name
	}
}

func TestTenantsOfStrangeSchemasConverge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	file := "version: 1\ntenants:\n"
	var names []string
	for i, name := range []string{"t", "id", "text", "select", "we-ird", "abc", "abcd", "x"} {
		file += fmt.Sprintf("  - {id: tenant%d, schema: %q}\n", i, name)
		names = append(names, name)
	}
	w.allowDestructive = true
	w.write(map[string]string{
		"atlas.hcl": "env \"app\" {\n  src = [\"file://app.hcl\", \"file://app.sql\"]\n}\n", "tenants.yaml": file, "app.hcl": head, "app.sql": namedSchema,
	})
	w.converge()
	w.write(map[string]string{"app.sql": strings.ReplaceAll(strings.ReplaceAll(namedSchema, "t <> 'id.t' AND", ""), "x(2)", "x(3)")})
	report := w.converge()
	if len(report.Plan.Steps) != 1 {
		t.Errorf("%d steps for one class", len(report.Plan.Steps))
	}
	for _, name := range names {
		if diff := cmp.Diff(w.lines(names[0]), w.lines(name)); diff != "" {
			t.Errorf("%q:\n%s", name, diff)
		}
	}
}

func (w *world) observe(names ...string) *reconcile.Observed {
	w.t.Helper()
	observed, err := w.db.Observe(context.Background(), names, true)
	if err != nil {
		w.t.Fatal(err)
	}
	return observed
}

// TestTokensAndFingerprintsAgree changes schemas at random. The fingerprint that
// the server computes is that of the lines, for one schema and in bulk, and the
// token moves whenever the fingerprint does.
func TestTokensAndFingerprintsAgree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	many := []string{"s0"}
	for i := range 24 { // more than are looked up one by one
		many = append(many, fmt.Sprintf("s%d", i+1))
	}
	w.exec("CREATE SCHEMA s0; CREATE SCHEMA s1")
	w.as("s0", driftSchema)
	before := w.observe("s0").Live["s0"]
	r := rand.New(rand.NewPCG(1, 2))
	moved := 0
	for range pgtest.Size(60, 120) {
		sql := drifts[r.IntN(len(drifts))].sql
		if strings.HasPrefix(sql, "DROP TABLE posts") {
			continue
		}
		if _, err := w.conn.Exec(context.Background(), "SET search_path = s0, public; "+sql); err != nil {
			continue // what it changes is gone
		}
		after := w.observe("s0").Live["s0"]
		if want := schema.FingerprintOf(w.lines("s0")); after.Fingerprint != want {
			t.Fatalf("after %s: the server says %v and the lines %v", sql, after.Fingerprint, want)
		}
		if bulk := w.observe(many...).Live["s0"]; bulk != after {
			t.Fatalf("after %s: in bulk %v, alone %v", sql, bulk, after)
		}
		if after.Fingerprint != before.Fingerprint {
			moved++
			if after.Token == before.Token {
				t.Errorf("%s moved the fingerprint and not the token", sql)
			}
		}
		before = after
	}
	if moved < 20 {
		t.Errorf("only %d changes", moved)
	}
}

const skippedPolicy = `
env "app" {
  src = ["file://app.sql", "file://app.hcl"]
  diff {
    skip {
      drop_table       = true
      drop_column      = true
      drop_index       = true
      drop_foreign_key = true
    }
  }
}
`

func TestWhatThePolicySkipsIsKeptAndNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"atlas.hcl": skippedPolicy, "tenants.yaml": tenants("acme"), "app.hcl": head,
		"app.sql": `CREATE TABLE a (id int PRIMARY KEY, x int); CREATE TABLE b (id int PRIMARY KEY, a_id int CONSTRAINT b_a REFERENCES a, y int NOT NULL DEFAULT 1);
			CREATE INDEX b_y ON b (y); CREATE TABLE c (id serial PRIMARY KEY, z text CHECK (z <> ''))`,
	})
	w.allowDestructive = true
	w.converge()
	w.write(map[string]string{"app.sql": "CREATE TABLE a (id bigint PRIMARY KEY, x int, more text); CREATE TABLE b (id int PRIMARY KEY, a_id int)"})
	report := w.converge()
	kept := strings.Join(report.Plan.Steps[0].Kept, "\n")
	for _, name := range []string{"table c: unexpected", "column b.y: unexpected", "index b.b_y: unexpected", "constraint b.b_a: unexpected"} {
		if !strings.Contains(kept, name) {
			t.Errorf("%q is not named as kept:\n%s", name, kept)
		}
	}
	lines := w.lines("tenant_acme")
	for _, l := range []schema.Line{{Kind: schema.KindTable, Name: "c"}, {Kind: schema.KindColumn, Table: "b", Name: "y"}, {Kind: schema.KindIndex, Table: "b", Name: "b_y"},
		{Kind: schema.KindConstraint, Table: "b", Name: "b_a"}, {Kind: schema.KindColumn, Table: "a", Name: "more"}} {
		if !slices.ContainsFunc(lines, func(o schema.Line) bool { return o.Kind == l.Kind && o.Table == l.Table && o.Name == l.Name }) {
			t.Errorf("%s is gone", l)
		}
	}
}

func TestOneClassThatCannotBePlannedLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"atlas.hcl": oneService, "tenants.yaml": tenants("acme", "globex"),
		"app.hcl": head + "enum \"mood\" {\n  schema = schema.tenant\n  values = [\"a\", \"b\"]\n}\ntable \"t\" {\n  schema = schema.tenant\n  column \"m\" { type = enum.mood }\n}\n",
	})
	w.converge()
	w.as("tenant_globex", "DROP TABLE t")
	w.write(map[string]string{"tenants.yaml": tenants("acme", "globex", "fresh"),
		"app.hcl": head + "enum \"mood\" {\n  schema = schema.tenant\n  values = [\"a\"]\n}\ntable \"t\" {\n  schema = schema.tenant\n  column \"m\" { type = enum.mood }\n}\n",
	})
	report := w.reconcile()
	for i, target := range report.Plan.Targets {
		o := report.Outcomes[i]
		switch {
		case target.Tenant == "acme" && (o.Result != reconcile.ResultFailed || !strings.Contains(o.Error, `dropping value "b" from enum "mood" is not supported`)):
			t.Errorf("acme: %s %s", o.Result, o.Error)
		case target.Tenant != "acme" && o.Result != reconcile.ResultApplied:
			t.Errorf("%s: %s %s", target.Tenant, o.Result, o.Error)
		}
	}
}

func TestASharedSchemaMayHaveAReservedName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"atlas.hcl":    "env \"order\" {\n  src = [\"file://order.hcl\"]\n}\nenv \"app\" {\n  src = [\"file://app.hcl\", \"file://app.sql\"]\n}\n",
		"tenants.yaml": "version: 1\nshared: [order]\ndefaults: {services: [app]}\ntenants: [acme]\n",
		"order.hcl":    "schema \"order\" {\n}\ntable \"users\" {\n  schema = schema.order\n  column \"id\" { type = int }\n  primary_key {\n    columns = [column.id]\n  }\n}\n",
		"app.hcl":      head, "app.sql": `CREATE TABLE posts (author int REFERENCES "order".users, note text DEFAULT 'order.users'); CREATE VIEW v AS SELECT u.id FROM "order".users u`,
	})
	w.converge()
	w.as("tenant_acme", "ALTER TABLE posts ALTER COLUMN note SET DEFAULT 'x'; DROP VIEW v")
	w.converge()
	w.write(map[string]string{"app.sql": `CREATE TABLE posts (author int REFERENCES "order".users ON DELETE CASCADE, note text DEFAULT '"order".users'); CREATE VIEW v AS SELECT u.id, 1 AS one FROM "order".users u`})
	w.converge()
}
