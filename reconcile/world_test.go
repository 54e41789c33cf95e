package reconcile_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
	"tenantry/internal/postgres"
	"tenantry/reconcile"
	"tenantry/schema"
	"tenantry/schema/atlascli"
	"tenantry/state"
)

func TestMain(m *testing.M) {
	atlascli.Become()
	pgtest.Main(m)
}

// world is a folder of files and a database of its own.
type world struct {
	t      testing.TB
	dir    string
	url    string
	db     *postgres.DB
	conn   *pgx.Conn
	engine *countingEngine

	adopt, allowDestructive bool
	repair                  bool
	forAtlas                bool // atlas.hcl is read for the Atlas binary
}

// newWorld makes a world with the files given by name and content.
func newWorld(t testing.TB, files map[string]string) *world {
	t.Helper()
	return newWorldAt(t, pgtest.URL(t), files)
}

// newWorldAt is newWorld in the database at a URL.
func newWorldAt(t testing.TB, url string, files map[string]string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), url: url, engine: &countingEngine{Engine: schema.Native{}}}
	w.write(files)
	ctx := context.Background()
	var err error
	if w.db, err = postgres.Open(ctx, "main", pgtest.Via(t, w.url), 5); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.db.Close)
	if w.conn, err = pgx.Connect(ctx, w.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.conn.Close(ctx) })
	return w
}

// bothWays runs a test twice: as the product reaches the database directly, and as
// it does through PgBouncer. through takes a world the way that it is to go.
func bothWays(t *testing.T, test func(t *testing.T, through func(*world))) {
	t.Run("direct", func(t *testing.T) {
		t.Parallel()
		test(t, func(*world) {})
	})
	t.Run("pooled", func(t *testing.T) {
		t.Parallel()
		test(t, (*world).pooled)
	})
}

// pooled has the world's runs go through PgBouncer in transaction mode.
func (w *world) pooled() {
	w.t.Helper()
	db, err := postgres.Open(context.Background(), "main", pgtest.Pooled(w.t, w.url), 5)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(db.Close)
	w.db = db
}

func (w *world) write(files map[string]string) {
	w.t.Helper()
	for name, content := range files {
		path := filepath.Join(w.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.conn.Exec(context.Background(), sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

// value returns the one value that a query has.
func value[T any](w *world, sql string, args ...any) T {
	w.t.Helper()
	var v T
	if err := w.conn.QueryRow(context.Background(), sql, args...).Scan(&v); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// desired reads the world's files as the command does.
func (w *world) desired() (*reconcile.Desired, error) {
	read := schema.LoadProject
	if w.forAtlas {
		read = schema.ReadProject
	}
	project, err := read(filepath.Join(w.dir, "atlas.hcl"), os.Getenv)
	if err != nil {
		return nil, err
	}
	file, err := state.Load(filepath.Join(w.dir, "tenants.yaml"), state.Options{LookupEnv: os.LookupEnv, Services: project.Names()})
	if err != nil {
		return nil, err
	}
	return reconcile.Resolve(file, file.Targets(), project)
}

func (w *world) planner(desired *reconcile.Desired) *reconcile.Planner {
	return &reconcile.Planner{
		Engine: w.engine, Databases: map[string]reconcile.Database{"main": w.db}, ToolVersion: "test", Nonce: nonce,
		AllowDestructive: w.allowDestructive || desired.Policy.Destructive == state.DestructiveAllow, Adopt: w.adopt, Repair: w.repair,
		Workbench: func(ctx context.Context, db reconcile.Database, dev string) (schema.Workbench, error) {
			if dev != "" {
				return w.db.DevWorkbench(ctx, dev)
			}
			return db.Workbench(ctx)
		},
	}
}

// plan plans and fails the test on an error.
func (w *world) plan() *reconcile.Plan {
	w.t.Helper()
	desired, err := w.desired()
	if err != nil {
		w.t.Fatal(err)
	}
	plan, err := w.planner(desired).Plan(context.Background(), desired)
	if err != nil {
		w.t.Fatal(err)
	}
	return plan
}

// reconcile plans and applies.
func (w *world) reconcile() *reconcile.Report {
	w.t.Helper()
	desired, err := w.desired()
	if err != nil {
		w.t.Fatal(err)
	}
	plan, err := w.planner(desired).Plan(context.Background(), desired)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.apply(desired, plan)
}

// apply applies a plan.
func (w *world) apply(desired *reconcile.Desired, plan *reconcile.Plan) *reconcile.Report {
	w.t.Helper()
	return w.applyUntil(context.Background(), desired, plan)
}

// applyUntil applies a plan, for as long as the context lasts.
func (w *world) applyUntil(ctx context.Context, desired *reconcile.Desired, plan *reconcile.Plan) *reconcile.Report {
	w.t.Helper()
	applier := &reconcile.Applier{
		Databases: map[string]reconcile.Database{"main": w.db}, Engine: w.engine.Version(), Destructive: desired.Policy.Destructive, Parallelism: desired.Policy.Parallelism,
		LockTimeout: desired.Policy.LockTimeout, MaxFailures: desired.Policy.MaxFailures, Now: time.Now,
	}
	r, err := applier.Apply(ctx, plan, reconcile.Run{ID: nonce(), Started: time.Now(), By: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// converge reconciles, and fails the test unless everything then is as it
// should be, by PostgreSQL's own word, and a second run finds nothing to do.
func (w *world) converge() *reconcile.Report {
	w.t.Helper()
	r := w.reconcile()
	for i, o := range r.Outcomes {
		if t := r.Plan.Targets[i]; o.Result != reconcile.ResultApplied && o.Result != reconcile.ResultUnchanged && t.Action != reconcile.ActionOrphaned {
			w.t.Fatalf("%s: %s %s %s\nunplanned: %v", t.Key(), o.Result, t.Reason, o.Error, stepOf(r.Plan, &t).Unplanned)
		}
	}
	again := w.plan()
	if again.Changes() || again.Summary.Failed+again.Summary.Unplanned > 0 {
		w.t.Fatalf("a second run finds something to do: %+v\n%s", again.Summary, statements(again))
	}
	return r
}

func stepOf(p *reconcile.Plan, t *reconcile.PlannedTarget) reconcile.Step {
	if s := p.StepOf(t); s != nil {
		return *s
	}
	return reconcile.Step{}
}

// statements prints a plan's statements.
func statements(p *reconcile.Plan) (out string) {
	for _, s := range p.Steps {
		for _, stmt := range s.Statements {
			out += stmt.SQL + ";\n"
		}
		for _, u := range s.Unplanned {
			out += "-- unplanned: " + u + "\n"
		}
	}
	return out
}

// lines returns what a schema holds.
func (w *world) lines(name string) []schema.Line {
	w.t.Helper()
	lines, err := w.db.Lines(context.Background(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return lines
}

func nonce() string {
	b := make([]byte, 6)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// countingEngine counts how often the engine is asked.
type countingEngine struct {
	schema.Engine
	creates, plans atomic.Int64
}

func (e *countingEngine) Create(ctx context.Context, bench *schema.Bench, b *schema.Blueprint) ([]schema.Statement, error) {
	e.creates.Add(1)
	return e.Engine.Create(ctx, bench, b)
}

func (e *countingEngine) Plan(ctx context.Context, bench *schema.Bench, b *schema.Blueprint, to *schema.Compiled) ([]schema.Statement, error) {
	e.plans.Add(1)
	return e.Engine.Plan(ctx, bench, b, to)
}

// oneService is an atlas.hcl with the service app, made of app.hcl and, where
// it is there, app.sql.
const oneService = `
env "app" {
  src = ["file://app.hcl"]
}
`

// head begins an HCL file for a tenant.
const head = `
variable "schema" {
  type    = string
  default = "tenant"
}
schema "tenant" {
  name = var.schema
}
`

func tenants(ids ...string) string {
	return fmt.Sprintf("tenants: [%s]\n", join(ids))
}

func join(ids []string) (out string) {
	for i, id := range ids {
		if i > 0 {
			out += ", "
		}
		out += id
	}
	return out
}
