package reconcile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tenantry/internal/pgtest"
	"tenantry/reconcile"
)

// Many tenants cost what one does: Atlas is asked once per blueprint for
// those that are missing, and once per class for those that change.
func TestEngineIsAskedOncePerClass(t *testing.T) {
	t.Parallel()
	fleet := pgtest.Size(60, 200)
	w := newWorld(t, product())
	w.write(map[string]string{"tenants.yaml": "shared: [people]\ndefaults: {services: [app]}\n" + tenants(manyIDs(fleet)...)})
	report := w.reconcile()
	if n := report.Count(reconcile.ResultApplied); n != fleet+1 {
		t.Fatalf("%d of %d targets were made: %+v", n, fleet+1, report.Plan.Summary)
	}
	w.asked("making the fleet", 2, 0)

	w.plan()
	w.asked("nothing to do", 0, 0)

	w.write(map[string]string{"app.hcl": app(age)})
	plan := w.plan()
	if plan.Summary.Change != fleet || len(plan.Steps) != 1 {
		t.Errorf("a changed definition: %+v, %d steps", plan.Summary, len(plan.Steps))
	}
	w.asked("one class", 1, 1)

	w.exec("ALTER TABLE tenant_t007.users ALTER email DROP NOT NULL")
	w.exec("ALTER TABLE tenant_t042.users ALTER email DROP NOT NULL")
	w.exec("DROP SCHEMA tenant_t059 CASCADE")
	w.plan()
	w.asked("one class, a drifted one, and one to be made anew", 1, 2)
}

func manyIDs(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("t%03d", i))
	}
	return ids
}

// The definitions that the repository shows itself.
func TestEngineIsAskedOncePerClassOfTheExample(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	if err := os.CopyFS(filepath.Join(w.dir, "schema"), os.DirFS("../schema")); err != nil {
		t.Fatal(err)
	}
	project, err := os.ReadFile("../atlas.hcl")
	if err != nil {
		t.Fatal(err)
	}
	const file = "shared: [identity]\ndefaults: {services: [community, learn, challenge]}\n"
	w.write(map[string]string{"atlas.hcl": string(project), "tenants.yaml": file + tenants(manyIDs(200)...)})
	if plan := w.plan(); plan.Summary.Create != 201 || len(plan.Steps) != 2 {
		t.Errorf("200 tenants that are missing: %+v, %d steps", plan.Summary, len(plan.Steps))
	}
	w.asked("200 tenants that are missing", 2, 0)

	w.write(map[string]string{"tenants.yaml": file + tenants(manyIDs(3)...)})
	w.converge()
	w.asked("making three of them", 2, 0)

	posts := filepath.Join(w.dir, "schema/community/posts.hcl")
	text, err := os.ReadFile(posts)
	if err != nil {
		t.Fatal(err)
	}
	w.write(map[string]string{"schema/community/posts.hcl": strings.Replace(string(text), "column \"pinned\" {", "column \"likes\" {\n    null    = false\n    type    = integer\n    default = 0\n  }\n  column \"pinned\" {", 1)})
	w.converge()
	w.asked("a changed definition", 1, 1)
}

// asked compares how often the engine was asked since the last time.
func (w *world) asked(when string, creates, plans int64) {
	w.t.Helper()
	if c, p := w.engine.creates.Swap(0), w.engine.plans.Swap(0); c != creates || p != plans {
		w.t.Errorf("%s: the engine was asked to create %d times, not %d, and to plan %d times, not %d", when, c, creates, p, plans)
	}
}
