package adopt_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry/internal/adopt"
	"tenantry/internal/pgtest"
	"tenantry/internal/report"
	"tenantry/reconcile"
	"tenantry/schema"
	"tenantry/state"
)

// adopted surveys the world, writes the files and returns what was found.
func (w *world) adopted(o adopt.Options) (*adopt.Result, string) {
	w.t.Helper()
	if o.Service == "" {
		o.Service = "app"
	}
	found, err := adopt.Survey(context.Background(), w.db, w.p, o)
	if err != nil {
		w.t.Fatal(err)
	}
	dir := w.t.TempDir()
	if err := found.Write(dir, false); err != nil {
		w.t.Fatal(err)
	}
	return found, dir
}

// plan plans by the files in a folder, as the command does.
func (w *world) plan(dir string, adopting bool) (*reconcile.Planner, *reconcile.Plan) {
	w.t.Helper()
	project, err := schema.LoadProject(filepath.Join(dir, "atlas.hcl"), func(string) string { return "" })
	if err != nil {
		w.t.Fatal(err)
	}
	file, err := state.Load(filepath.Join(dir, "tenants.yaml"), state.Options{Services: project.Names()})
	if err != nil {
		w.t.Fatal(err)
	}
	desired, err := reconcile.Resolve(file, file.Targets(), project)
	if err != nil {
		w.t.Fatal(err)
	}
	p := &reconcile.Planner{
		Engine: schema.Native{}, Databases: map[string]reconcile.Database{"main": w.db}, ToolVersion: "test", Nonce: nonce, Adopt: adopting,
		Workbench: func(ctx context.Context, db reconcile.Database, _ string) (schema.Workbench, error) {
			return db.Workbench(ctx)
		},
	}
	plan, err := p.Plan(context.Background(), desired)
	if err != nil {
		w.t.Fatal(err)
	}
	return p, plan
}

// apply applies a plan.
func (w *world) apply(p *reconcile.Planner, plan *reconcile.Plan) *reconcile.Report {
	w.t.Helper()
	a := &reconcile.Applier{
		Databases: p.Databases, Engine: p.Engine.Version(), Destructive: state.DestructiveDeny, Parallelism: 4,
		LockTimeout: time.Minute, MaxFailures: 5, Now: time.Now,
	}
	r, err := a.Apply(context.Background(), plan, reconcile.Run{ID: nonce(), Started: time.Now(), By: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// undisturbed asserts that a plan does nothing to the template's group and to
// the shared services.
func undisturbed(t *testing.T, found *adopt.Result, plan *reconcile.Plan) {
	t.Helper()
	for i := range plan.Targets {
		target := &plan.Targets[i]
		inGroup := slices.ContainsFunc(found.Groups[0].Tenants, func(g adopt.Tenant) bool { return g.Schema == target.Schema })
		if (inGroup || target.Shared) && (target.Action != reconcile.ActionNone || target.Failed()) {
			t.Errorf("%s: %s %s %v", target.Key(), target.Action, target.Reason, target.Diagnostics)
			if step := plan.StepOf(target); step != nil {
				for _, s := range step.Statements {
					t.Errorf("  %s", s.SQL)
				}
				t.Errorf("  unplanned: %v", step.Unplanned)
			}
		}
	}
}

func text(t *testing.T, found *adopt.Result) string {
	t.Helper()
	var b strings.Builder
	if err := report.Adoption(&b, found, nil, report.Style{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func content(found *adopt.Result, path string) string {
	for _, f := range found.Files {
		if f.Path == path {
			return f.Content
		}
	}
	return ""
}

func wants(t *testing.T, got string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(got, want) {
			t.Errorf("without %q:\n%s", want, got)
		}
	}
}

// product is what each of a fleet's schemas holds; %[1]s is its name.
const product = `
CREATE SCHEMA %[1]s;
CREATE TABLE %[1]s.members (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, person bigint NOT NULL REFERENCES identity.users,
	handle varchar(40) NOT NULL UNIQUE, role varchar(10) NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'member')));
CREATE TABLE %[1]s.posts (id bigserial PRIMARY KEY, author bigint NOT NULL REFERENCES %[1]s.members ON DELETE CASCADE,
	title text NOT NULL, body text, at timestamptz NOT NULL DEFAULT now());
CREATE INDEX posts_author ON %[1]s.posts (author, at DESC);
CREATE VIEW %[1]s.titles AS SELECT p.id, p.title, u.email FROM %[1]s.posts p JOIN %[1]s.members m ON m.id = p.author JOIN identity.users u ON u.id = m.person;
`

// Seven ways in which fleets grow apart, and how each is told.
var drifts = []struct{ sql, told string }{
	{"DROP INDEX %[1]s.posts_author", "12 tenants lack the index posts.posts_author: "},
	{"ALTER TABLE %[1]s.posts ADD hotfix text", "1 tenant has the column posts.hotfix more: t002"},
	{"ALTER TABLE %[1]s.posts ALTER body SET NOT NULL", "5 tenants have the NOT NULL of posts.body more: "},
	{"ALTER TABLE %[1]s.members ALTER handle TYPE varchar(60)", "3 tenants have another column members.handle: character varying(60), not character varying(40): "},
	{"ALTER TABLE %[1]s.members DROP CONSTRAINT members_role_check", "2 tenants lack the constraint members.members_role_check: "},
	{"DROP VIEW %[1]s.titles", "4 tenants lack the view titles: "},
	{"CREATE TABLE %[1]s.old (id int); ALTER TABLE %[1]s.posts ALTER at DROP DEFAULT", "2 tenants differ in 2 things: "},
}

var drifted = []int{12, 1, 5, 3, 2, 4, 2}

func TestAFleetOfThreeHundredIsAdopted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var sql strings.Builder
	sql.WriteString("CREATE SCHEMA identity; CREATE TABLE identity.users (id bigint PRIMARY KEY, email text NOT NULL);")
	fleet := pgtest.Size(120, 300)
	for i := range fleet {
		fmt.Fprintf(&sql, product, fmt.Sprintf("tenant_t%03d", i))
	}
	w.exec(sql.String())
	sql.Reset()
	rest := fleet
	for way, d := range drifts { // each way takes others: t001 on by way, in steps of the number of ways
		for n := range drifted[way] {
			fmt.Fprintf(&sql, d.sql+";", fmt.Sprintf("tenant_t%03d", 1+way+n*len(drifts)))
			rest--
		}
	}
	w.exec(sql.String())

	found, dir := w.adopted(adopt.Options{Match: "tenant_%"})
	if found.Tenants != fleet || len(found.Groups) != 8 || len(found.Groups[0].Tenants) != rest || found.Template.ID != "t000" {
		t.Errorf("%d tenants in %d groups, %d of them as %s", found.Tenants, len(found.Groups), len(found.Groups[0].Tenants), found.Template.ID)
	}
	said := text(t, found)
	for _, d := range drifts {
		wants(t, said, d.told)
	}
	wants(t, said, fmt.Sprintf("whose structure %d of %d tenants have", rest, fleet), "identity is a shared service: constraint members.members_person_fkey refers to it",
		"  have the table old more\n", "  lack the default of posts.at\n", "PostgreSQL prints these in other words")

	p, plan := w.plan(dir, false)
	undisturbed(t, found, plan)
	if s := plan.Summary; s.Unchanged != rest+1 || s.Blocked != fleet-rest || s.Failed > 0 {
		t.Errorf("a dry run: %+v", s)
	}
	before := w.fingerprints()
	r := w.apply(p, plan)
	if n := r.Count(reconcile.ResultUnchanged); n != rest+1 {
		t.Errorf("%d unchanged of %d", n, rest+1)
	}
	if diff := cmp.Diff(before, w.fingerprints()); diff != "" {
		t.Errorf("something was changed: %s", diff)
	}
	// From then on they are known, and adopting the rest runs statements for the rest alone.
	_, plan = w.plan(dir, true)
	undisturbed(t, found, plan)
	if s := plan.Summary; s.Unchanged != rest+1 || s.Change+s.Blocked != fleet-rest {
		t.Errorf("with --adopt: %+v", s)
	}
}

// fingerprints returns those of every tenant.
func (w *world) fingerprints() map[string]string {
	w.t.Helper()
	names, err := w.db.Schemas(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	o, err := w.db.Observe(context.Background(), names, false)
	if err != nil {
		w.t.Fatal(err)
	}
	out := make(map[string]string)
	for name, live := range o.Live {
		out[name] = live.Fingerprint.String()
	}
	return out
}

// What schemas hold in the wild, all at once, under a name that needs quotes.
const awkward = `
CREATE EXTENSION IF NOT EXISTS citext SCHEMA public;
CREATE DOMAIN public.money_amount AS numeric(12, 2) CHECK (VALUE >= 0);
CREATE SCHEMA identity;
CREATE TYPE identity.plan AS ENUM ('free', 'paid');
CREATE TABLE identity.users (id uuid PRIMARY KEY, email public.citext UNIQUE);
CREATE TABLE identity."Teams" (id int PRIMARY KEY, owner uuid REFERENCES identity.users DEFERRABLE);
CREATE SCHEMA billing;
CREATE TABLE billing.accounts (id int PRIMARY KEY, team int NOT NULL REFERENCES identity."Teams", owner uuid REFERENCES identity.users DEFERRABLE, plan identity.plan);
CREATE TABLE billing.users (id int PRIMARY KEY);
`

const awkwardTenant = `
CREATE SCHEMA %[1]s;
SET search_path = %[1]s, public;
COMMENT ON SCHEMA %[1]s IS 'one of ours';
CREATE DOMAIN "E mail" AS text DEFAULT 'a@b' CHECK (VALUE ~ '@');
CREATE TYPE mood AS ENUM ('it''s "fine"', 'bad\one');
CREATE TYPE pair AS (a int, b text);
CREATE TABLE users (id serial PRIMARY KEY, who uuid REFERENCES identity.users, mail "E mail", nick public.citext, price public.money_amount, account int REFERENCES billing.accounts);
CREATE TABLE "Order Lines" ("select" bigint GENERATED BY DEFAULT AS IDENTITY (START 100 INCREMENT 5) PRIMARY KEY, "Qty" int NOT NULL DEFAULT 1, total int GENERATED ALWAYS AS ("Qty" * 2) STORED,
	feeling mood DEFAULT 'bad\one', by uuid REFERENCES identity.users, tags text[] DEFAULT '{}', during tstzrange, team int CONSTRAINT "to Team" REFERENCES identity."Teams",
	EXCLUDE USING gist (during WITH &&), CHECK ("Qty" IN (1, 2, 3)));
COMMENT ON TABLE "Order Lines" IS 'a "comment" with ''quotes'', and {schema}';
COMMENT ON COLUMN "Order Lines"."Qty" IS 'how many ${of} them';
COMMENT ON INDEX users_pkey IS 'the key';
CREATE TABLE events (id bigint, at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01Z') TO ('2025-01-01Z');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE INDEX events_at ON events USING brin (at);
CREATE UNIQUE INDEX users_nick ON users (lower(nick::text)) INCLUDE (id) WHERE nick IS NOT NULL;
CREATE SEQUENCE tickets START 1000;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.tags := NEW.tags || 'x;y'::text; RETURN NEW; END $$;
CREATE TRIGGER lines_touch BEFORE INSERT ON "Order Lines" FOR EACH ROW EXECUTE FUNCTION touch();
CREATE VIEW overview AS SELECT u.id, i.email FROM users u JOIN identity.users i ON i.id = u.who;
CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS n FROM users;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON users USING (who IS NOT NULL);
CREATE UNLOGGED TABLE cache (k text PRIMARY KEY, v jsonb) WITH (fillfactor = 70);
RESET search_path;
`

func TestAwkwardSchemasAreAdopted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(awkward)
	for _, name := range []string{`"we ird-one"`, `"we ird-TWO"`, `"we ird-Two"`, `"we ird-a.b"`} {
		w.exec(fmt.Sprintf(awkwardTenant, name))
	}
	w.exec(`CREATE SCHEMA "we ird-"; CREATE SCHEMA "we ird-it's"; CREATE SCHEMA "we ird-other"; CREATE TABLE "we ird-other".t (u int REFERENCES "we ird-one".users)`)

	found, dir := w.adopted(adopt.Options{Match: "we ird-%"})
	undisturbedAfter(t, w, found, dir)
	if len(found.Unsaid) > 0 || len(found.Shared) != 2 || found.Shared[0].Schema != "identity" || len(found.Shared[0].Unsaid)+len(found.Shared[1].Unsaid) > 0 {
		t.Errorf("unsaid %v, shared %v", found.Unsaid, found.Shared)
	}
	wants(t, text(t, found), "refers to another tenant's schema, we ird-one", "1 tenant is an empty schema, which the next run fills",
		"we ird-it's: the name has a quote", "The schema billing is a shared service")
	wants(t, content(found, "tenants.yaml"), "shared: [identity, billing]", "schema: \"we ird-{id}\"", "- TWO\n", "- id: Two-2\n    schema: \"we ird-Two\"", "- id: a-b\n    schema: \"we ird-a.b\"")
	// Two schemas have a table users, so both are written with their schema's name.
	wants(t, content(found, "schema/app.hcl"), `comment = "one of ours"`, "table.identity.users.column.id")
	wants(t, content(found, "schema/billing.hcl"), `table "billing" "users"`)
}

// undisturbedAfter is undisturbed of a plan by the files, before and after they
// were applied.
func undisturbedAfter(t *testing.T, w *world, found *adopt.Result, dir string) {
	t.Helper()
	p, plan := w.plan(dir, false)
	undisturbed(t, found, plan)
	before := w.fingerprints()
	w.apply(p, plan)
	after := w.fingerprints()
	for _, tenant := range found.Groups[0].Tenants {
		if before[tenant.Schema] != after[tenant.Schema] {
			t.Errorf("%s was changed", tenant.Schema)
		}
	}
	_, plan = w.plan(dir, false)
	undisturbed(t, found, plan)
	if os.Getenv("SHOW") != "" {
		for _, f := range found.Files {
			t.Logf("== %s\n%s", f.Path, f.Content)
		}
		t.Log(text(t, found))
	}
}

// The tables of migration tools are recognised, read, and left alone: they are
// in no definition, no plan drops them, and one that another tenant lacks is no
// difference of structure.
func TestMigrationToolsAreTakenAsTheBaseline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`
CREATE TABLE public.schema_migrations (version varchar PRIMARY KEY); INSERT INTO public.schema_migrations VALUES ('20240101000000'), ('20240301000000');
CREATE TABLE public.ar_internal_metadata (key varchar PRIMARY KEY, value varchar, created_at timestamp(6) NOT NULL, updated_at timestamp(6) NOT NULL);
CREATE SCHEMA atlas_schema_revisions;
CREATE TABLE atlas_schema_revisions.atlas_schema_revisions (version varchar PRIMARY KEY, description varchar NOT NULL, type bigint NOT NULL DEFAULT 2, applied bigint NOT NULL DEFAULT 0, total bigint NOT NULL DEFAULT 0);
INSERT INTO atlas_schema_revisions.atlas_schema_revisions VALUES ('.atlas_cloud_identifier', '', 2, 0, 0), ('20240501', 'a', 2, 3, 3), ('20240601', 'b', 2, 1, 3)`)
	for _, name := range []string{"a", "b", "c", "d"} {
		w.exec(fmt.Sprintf(`CREATE SCHEMA tenant_%[1]s; SET search_path = tenant_%[1]s;
CREATE TABLE posts (id int PRIMARY KEY);
CREATE TABLE flyway_schema_history (installed_rank integer CONSTRAINT flyway_schema_history_pk PRIMARY KEY, version varchar(50), description varchar(200) NOT NULL, type varchar(20) NOT NULL,
	script varchar(1000) NOT NULL, checksum integer, installed_by varchar(100) NOT NULL, installed_on timestamp NOT NULL DEFAULT now(), execution_time integer NOT NULL, success boolean NOT NULL);
CREATE INDEX flyway_schema_history_s_idx ON flyway_schema_history (success);
INSERT INTO flyway_schema_history VALUES (0, NULL, 'x', 'SCHEMA', 'x', NULL, 'me', now(), 1, true), (1, '1', 'x', 'SQL', 'V1__x.sql', 1, 'me', now(), 1, true),
	(2, '9', 'x', 'SQL', 'V9__x.sql', 1, 'me', now(), 1, true), (3, '10', 'x', 'SQL', 'V10__x.sql', 1, 'me', now(), 1, true), (4, NULL, 'v', 'SQL', 'R__v.sql', 1, 'me', now(), 1, true);
RESET search_path`, name))
	}
	w.exec(`INSERT INTO tenant_c.flyway_schema_history VALUES (5, '11', 'x', 'SQL', 'V11__x.sql', 1, 'me', now(), 1, false);
CREATE SCHEMA tenant_django; SET search_path = tenant_django; CREATE TABLE posts (id int PRIMARY KEY);
CREATE TABLE django_migrations (id serial PRIMARY KEY, app varchar(255) NOT NULL, name varchar(255) NOT NULL, applied timestamptz NOT NULL);
INSERT INTO django_migrations (app, name, applied) VALUES ('auth', '0001_initial', now()), ('shop', '0002_price', now()); RESET search_path;
CREATE SCHEMA tenant_plain; CREATE TABLE tenant_plain.posts (id int PRIMARY KEY);
CREATE SCHEMA tenant_own; CREATE TABLE tenant_own.posts (id int PRIMARY KEY); CREATE TABLE tenant_own.schema_migrations (note text)`)

	found, dir := w.adopted(adopt.Options{Match: "tenant_%"})
	said := text(t, found)
	wants(t, said,
		"Flyway (flyway_schema_history) is at version 10 in 3 schemas: tenant_a, tenant_b, tenant_d",
		"Flyway (flyway_schema_history) is at version 10, and 11 did not succeed in 1 schema: tenant_c",
		"Django (django_migrations) is at version shop.0002_price in 1 schema: tenant_django",
		"Rails (schema_migrations) is at version 20240301000000 in 1 schema: public",
		"Atlas (atlas_schema_revisions) is at version 20240501, and 20240601 did not succeed in 1 schema: atlas_schema_revisions",
		"1 tenant has the table schema_migrations more: own") // by that name, and no tool's
	if strings.Contains(said, "django_migrations more") || strings.Contains(said, "lacks the table flyway") {
		t.Errorf("a tool's table is told as a difference:\n%s", said)
	}
	wants(t, content(found, "schema/app.hcl"), "# Flyway recorded in tenant_a.flyway_schema_history: 4 applied, the last 10")
	for _, f := range found.Files {
		if f.Path != "schema/app.hcl" && strings.Contains(f.Content, "flyway") || strings.Contains(f.Content, `table "flyway`) {
			t.Errorf("%s names the tool's table:\n%s", f.Path, f.Content)
		}
	}
	undisturbedAfter(t, w, found, dir)
	_, plan := w.plan(dir, true)
	for i := range plan.Targets {
		target := &plan.Targets[i]
		if target.Tenant != "own" && target.Action != reconcile.ActionNone {
			t.Errorf("%s: %s", target.Key(), target.Action)
		}
	}
	w.exec("SELECT FROM tenant_a.flyway_schema_history, tenant_c.flyway_schema_history, tenant_django.django_migrations") // they are there
}

// The template can be named; a schema that tenants refer to is none of them,
// even where it matches.
func TestTheTemplateIsWhoOneSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`CREATE SCHEMA tenant_core; CREATE TABLE tenant_core.users (id int PRIMARY KEY);
CREATE SCHEMA tenant_a; CREATE TABLE tenant_a.t (u int REFERENCES tenant_core.users);
CREATE SCHEMA tenant_b; CREATE TABLE tenant_b.t (u int REFERENCES tenant_core.users);
CREATE SCHEMA tenant_c; CREATE TABLE tenant_c.t (u int REFERENCES tenant_core.users, more text)`)
	found, dir := w.adopted(adopt.Options{Match: "tenant_%", Template: "c"})
	if found.Template.Schema != "tenant_c" || found.Tenants != 3 || len(found.Groups) != 2 {
		t.Errorf("%+v", found)
	}
	wants(t, text(t, found), "of 3 tenants no other has its structure", "2 tenants lack the column t.more: a, b", "It matches tenant_% too, and is not taken for a tenant.")
	undisturbedAfter(t, w, found, dir)
	if _, err := adopt.Survey(context.Background(), w.db, w.p, adopt.Options{Match: "tenant_%", Template: "nobody", Service: "app"}); err == nil || !strings.Contains(err.Error(), `"nobody" is none of the tenants`) {
		t.Errorf("error %v", err)
	}
	document, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, string(document), `"format_version":"1.0"`, `"template":{"id":"c","schema":"tenant_c"}`, `"problem":"missing"`, `"path":"schema/app.hcl"`)
	if strings.Contains(string(document), "null") {
		t.Errorf("null in %s", document)
	}
}

// The files that were written make, in a database that has none of it, what they
// were taken from: the shared services in their order, and the tenants.
func TestAdoptedFilesMakeAFleetAnew(t *testing.T) {
	t.Parallel()
	w, anew := newWorld(t), newWorld(t)
	w.exec(awkward)
	w.exec(fmt.Sprintf(awkwardTenant, "tenant_one"))
	_, dir := w.adopted(adopt.Options{Match: "tenant_%"})
	public, _, _ := strings.Cut(awkward, "CREATE SCHEMA identity")
	anew.exec(public)
	// Shared services are compiled on the workbench, so nothing of them need be there.
	p, plan := anew.plan(dir, false)
	if r := anew.apply(p, plan); r.Count(reconcile.ResultApplied) != 3 {
		for i, o := range r.Outcomes {
			t.Errorf("%s: %s %s", plan.Targets[i].Key(), o.Result, o.Error)
		}
	}
	for _, name := range []string{"identity", "billing", "tenant_one"} {
		if diff := cmp.Diff(w.lines(name), anew.lines(name)); diff != "" {
			t.Errorf("%s is not what it was taken from:\n%s", name, diff)
		}
	}
}

func (w *world) lines(name string) []schema.Line {
	w.t.Helper()
	lines, err := w.db.Lines(context.Background(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return lines
}

// What neither HCL nor SQL can say is told, and the rest is written all the same.
func TestWhatNoFileCanSayIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`CREATE SCHEMA tenant_a; SET search_path = tenant_a;
CREATE COLLATION nice (provider = icu, locale = 'de');
CREATE TABLE t (id int PRIMARY KEY, name text);
CREATE INDEX t_name ON t (name);
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'tenant_a.t_name'::regclass;
RESET search_path`)
	found, dir := w.adopted(adopt.Options{Match: "tenant_%"})
	said := text(t, found)
	wants(t, said, "No file can say this", "collation nice: missing", "index t.t_name")
	wants(t, content(found, "schema/app.hcl"), "# What no file can say of it:\n#   collation nice: missing\n", `index "t_name"`)
	// A dry run says the same: the index is to be built, the collation is nobody's.
	_, plan := w.plan(dir, true)
	if len(plan.Steps) != 1 || len(plan.Steps[0].Unmanaged) != 1 {
		t.Errorf("%+v", plan.Steps)
	}
}

func TestFilesThatAreThereStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec("CREATE SCHEMA tenant_a; CREATE TABLE tenant_a.t (id int)")
	found, dir := w.adopted(adopt.Options{Match: "tenant_%"})
	path := filepath.Join(dir, "schema/app.hcl")
	if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := found.Write(dir, false); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "mine" {
		t.Errorf("overwritten: %s", got)
	}
	if err := found.Write(dir, true); err != nil {
		t.Error(err)
	}
	if got, _ := os.ReadFile(path); string(got) == "mine" {
		t.Error("not overwritten, though told to")
	}
}

func TestTwoSchemasThatNeedOneAnotherAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`CREATE SCHEMA x; CREATE SCHEMA y; CREATE TABLE x.t (id int PRIMARY KEY); CREATE TABLE y.t (id int PRIMARY KEY REFERENCES x.t);
ALTER TABLE x.t ADD FOREIGN KEY (id) REFERENCES y.t; CREATE SCHEMA tenant_a; CREATE TABLE tenant_a.t (id int REFERENCES x.t)`)
	_, err := adopt.Survey(context.Background(), w.db, w.p, adopt.Options{Match: "tenant_%", Service: "app"})
	if err == nil || !strings.Contains(err.Error(), "refer to each other") {
		t.Errorf("error %v", err)
	}
}

// Names and versions come from whoever may write to the database: none leads out
// of the comment that it stands in.
func TestNoNameLeadsOutOfAComment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`CREATE SCHEMA tenant_a; CREATE TABLE tenant_a.t (id int PRIMARY KEY);
CREATE TABLE tenant_a.schema_migrations (version text); INSERT INTO tenant_a.schema_migrations VALUES (E'1\n}\r\nvariable "x" {\u2028');
CREATE SCHEMA tenant_a1; CREATE TABLE tenant_a1.t (id int PRIMARY KEY);
CREATE SCHEMA tenant_b; CREATE TABLE tenant_b.t (id int PRIMARY KEY); CREATE TABLE tenant_b.` + "\"evil\n  - mallory\r  - eve\u0085  - trudy\u2028  - oscar\"" + ` (id int)`)
	found, _ := w.adopted(adopt.Options{Match: "tenant_%"})
	for _, f := range found.Files {
		if strings.ContainsAny(f.Content, "\r\u0085\u2028") || strings.Contains(f.Content, "\n  - mallory") || strings.Contains(f.Content, "\nvariable \"x\"") {
			t.Errorf("%s: %q", f.Path, f.Content)
		}
	}
	wants(t, content(found, "tenants.yaml"), "has the table evil   - mallory   - eve")
}
