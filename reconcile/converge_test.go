package reconcile_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"tenantry/reconcile"
)

// Each file of testdata/evolutions tells the life of one definition: versions
// v1.hcl, v2.hcl and so on (and v1.sql … beside them, for what HCL cannot say),
// and setup.sql for what must be in the database before. A tenant goes through
// all of them; another is made at each.
func TestEvolvedAndCreatedTenantsAreTheSame(t *testing.T) {
	files, err := filepath.Glob("testdata/evolutions/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no evolutions", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			evolve(t, archive)
		})
	}
}

func evolve(t *testing.T, archive *txtar.Archive) {
	sections := make(map[string]string)
	for _, f := range archive.Files {
		sections[f.Name] = string(f.Data)
	}
	w := newWorld(t, nil)
	w.allowDestructive = true
	if setup := sections["setup.sql"]; setup != "" {
		w.exec(setup)
	}
	ids := []string{"evolved"}
	for version := 1; ; version++ {
		hcl, sql := sections[fmt.Sprintf("v%d.hcl", version)], sections[fmt.Sprintf("v%d.sql", version)]
		if hcl == "" && sql == "" {
			if version < 3 {
				t.Fatalf("only %d versions", version-1)
			}
			return
		}
		ids = append(ids, fmt.Sprintf("created%d", version))
		w.write(map[string]string{
			"atlas.hcl": "env \"app\" {\n  src = [\"file://app.hcl\", \"file://app.sql\"]\n}\n",
			"app.hcl":   head + hcl, "app.sql": sql, "tenants.yaml": tenants(ids...),
		})
		report := w.converge()
		want := w.lines("tenant_" + ids[len(ids)-1])
		for _, id := range ids {
			if diff := cmp.Diff(want, w.lines("tenant_"+id)); diff != "" {
				t.Fatalf("version %d: %s is not what a tenant created today is:\n%s\nplan:\n%s", version, id, diff, statements(report.Plan))
			}
		}
		samePgDump(t, w, "tenant_evolved", "tenant_"+ids[len(ids)-1])
		onePlanAClass(t, report)
	}
}

// onePlanAClass asserts that tenants with one past share one step.
func onePlanAClass(t *testing.T, r *reconcile.Report) {
	t.Helper()
	if len(r.Plan.Steps) > 2 {
		t.Errorf("%d steps for one new tenant and tenants of one past", len(r.Plan.Steps))
	}
}
