package reconcile_test

import (
	"context"
	"strings"
	"testing"

	"tenantry/reconcile"
)

// versioned is an atlas.hcl whose service app comes about by files.
const versioned = `
env "app" {
  migration {
    dir    = "file://migrations/app"
    format = flyway
  }
}
`

// history returns what is recorded of a schema's migrations, a word each.
func (w *world) history(schema string) string {
	w.t.Helper()
	return value[string](w, "SELECT coalesce(string_agg(key || CASE WHEN done THEN '' ELSE '@' || position END, ', ' ORDER BY applied_at, seq), '') FROM tenantry.migration WHERE schema = $1", schema)
}

// wrong plans, and returns what keeps it from planning.
func (w *world) wrong() string {
	w.t.Helper()
	desired, err := w.desired()
	if err != nil {
		return err.Error()
	}
	plan, err := w.planner(desired).Plan(context.Background(), desired)
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, t := range plan.Targets {
		for _, d := range t.Diagnostics {
			out = append(out, t.Tenant+": "+d.Message)
		}
	}
	return strings.Join(out, "\n")
}

func TestNewTenantsRunAllFilesAndOthersThePendingOnes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"atlas.hcl":    versioned,
		"tenants.yaml": tenants("acme"),
		"migrations/app/V1__init.sql": `CREATE TABLE posts (id bigint PRIMARY KEY, title text NOT NULL);
INSERT INTO posts VALUES (1, 'welcome; to ${flyway:defaultSchema}');`,
		"migrations/app/sub/V1_1__tags.sql": "CREATE TABLE tags (post bigint REFERENCES ${flyway:defaultSchema}.posts, name text);\nINSERT INTO tags SELECT id, 'first' FROM posts;",
	})
	w.converge()
	if got, want := w.history("tenant_acme"), "V 1, V 1.1"; got != want {
		t.Errorf("recorded: %s, want %s", got, want)
	}
	if got := value[string](w, "SELECT title FROM tenant_acme.posts"); got != "welcome; to tenant_acme" {
		t.Errorf("seeded: %s", got)
	}

	w.write(map[string]string{
		"tenants.yaml":                     tenants("acme", "we-ird"),
		"migrations/app/V2__rating.sql":    "ALTER TABLE posts ADD COLUMN rating integer NOT NULL DEFAULT 0;\nUPDATE posts SET rating = 5;",
		"migrations/app/V10__view.sql":     "CREATE FUNCTION best() RETURNS bigint LANGUAGE sql AS $$ SELECT max(rating) FROM posts; $$;",
		"migrations/app/R__best_posts.sql": "CREATE OR REPLACE VIEW best_posts AS SELECT id, title FROM posts WHERE rating > 4;",
	})
	plan := w.plan()
	if plan.Summary.Create != 1 || plan.Summary.Change != 1 {
		t.Errorf("planned: %+v", plan.Summary)
	}
	w.converge()
	for _, name := range []string{"tenant_acme", "tenant_we-ird"} {
		if got, want := w.history(name), "V 1, V 1.1, V 2, V 10, R best posts"; got != want {
			t.Errorf("%s: recorded: %s, want %s", name, got, want)
		}
		if got := value[int](w, `SELECT count(*)::int FROM "`+name+`".best_posts`); got != 1 {
			t.Errorf("%s: %d posts are seen", name, got)
		}
	}
	if w.engine.plans.Load() != 0 {
		t.Errorf("the engine was asked for %d plans", w.engine.plans.Load())
	}

	// What nobody needs to run is told apart from what has drifted.
	w.exec("DROP VIEW tenant_acme.best_posts; ALTER TABLE tenant_acme.tags DROP COLUMN name")
	plan = w.plan()
	if plan.Summary.Drifted != 1 || plan.Targets[0].Reason != reconcile.ReasonDrifted {
		t.Errorf("planned: %+v %s", plan.Summary, plan.Targets[0].Reason)
	}
	w.converge()
}
