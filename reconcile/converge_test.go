package reconcile_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"tenantry/internal/pgtest"
	"tenantry/reconcile"
)

// Each file of testdata/evolutions tells the life of one definition: versions
// v1.hcl, v2.hcl and so on, with beside each, where there is need of it,
//
//	v1.sql         what HCL cannot say
//	v1.shared.hcl  the schema of the shared service identity
//	v1.rows.sql    what happens in the evolving tenant once it is at v1
//
// and setup.sql for what must be in the database before, head.hcl for another
// head than the usual one, requires.txt with the oldest major version of
// PostgreSQL that knows what is tried: it lives on one of those. A tenant goes through all versions;
// another is made at each.
func TestEvolvedAndCreatedTenantsAreTheSame(t *testing.T) {
	eachArchive(t, evolutions(), anyMajor, func(t *testing.T, e *evolution) { e.live() })
}

// Each file of testdata/refusals tells of a last version that cannot be
// reached: reason.txt says why, in words that the plan must use. The tenant
// stays as it was; the next one is made all the same.
func TestWhatCannotBePlannedIsRefusedWithItsReason(t *testing.T) {
	eachArchive(t, archives("testdata/refusals"), anyMajor, func(t *testing.T, e *evolution) {
		e.to(1)
		e.w.converge()
		e.rows(1)
		before := e.w.lines("tenant_evolved")
		e.to(2)
		report := e.w.reconcile()
		reason := strings.TrimSpace(e.sections["reason.txt"])
		for i, target := range report.Plan.Targets {
			outcome := report.Outcomes[i]
			if target.Tenant == "created2" && outcome.Result != reconcile.ResultApplied {
				t.Errorf("%s: %s %s", target.Key(), outcome.Result, outcome.Error)
			}
			if target.Tenant != "evolved" {
				continue
			}
			said := outcome.Error + strings.Join(stepOf(report.Plan, &target).Unplanned, "\n")
			if outcome.Result == reconcile.ResultApplied || outcome.Result == reconcile.ResultUnchanged || !strings.Contains(said, reason) {
				t.Errorf("%s: %s %q, want the reason %q", target.Key(), outcome.Result, said, reason)
			}
		}
		if diff := cmp.Diff(before, e.w.lines("tenant_evolved")); diff != "" {
			t.Errorf("the tenant changed:\n%s", diff)
		}
		if again := e.w.plan().Summary; again.Failed+again.Blocked == 0 {
			t.Errorf("the second run calls it in sync: %+v", again)
		}
	})
}

// anyMajor is a major version that none is newer than.
const anyMajor = 99

func evolutions() []string { return archives("testdata/evolutions") }

// archives returns the archives of a folder.
func archives(folder string) []string {
	files, _ := filepath.Glob(folder + "/*.txtar")
	return files
}

// eachArchive runs a test for each of the archives, on a PostgreSQL that knows what
// it requires and is not newer than that major version; none for one that requires
// more than that.
func eachArchive(t *testing.T, files []string, newest int, test func(*testing.T, *evolution)) {
	if len(files) == 0 {
		t.Fatal("no files")
	}
	for _, path := range files {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		e := &evolution{sections: make(map[string]string), ids: []string{"evolved"}}
		for _, f := range archive.Files {
			e.sections[f.Name] = string(f.Data)
		}
		oldest, _ := strconv.Atoi(strings.TrimSpace(e.sections["requires.txt"]))
		if oldest > newest {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			e.begin(t, pgtest.URLBetween(t, oldest, newest))
			test(t, e)
		})
	}
}

// evolution is the life of one definition in a world of its own.
type evolution struct {
	t        *testing.T
	w        *world
	sections map[string]string
	ids      []string // of the tenants until now
}

// begin makes the evolution's world in the database at a URL.
func (e *evolution) begin(t *testing.T, url string) {
	e.t, e.w = t, newWorldAt(t, url, nil)
	e.w.allowDestructive = true
	if setup := e.sections["setup.sql"]; setup != "" {
		e.w.exec(setup)
	}
}

// live goes through all versions.
func (e *evolution) live() {
	version := 1
	for ; e.has(version); version++ {
		e.to(version)
		e.compare(version, e.w.converge())
		e.rows(version)
	}
	if version <= 3 {
		e.t.Fatalf("only %d versions", version-1)
	}
}

func (e *evolution) has(version int) bool {
	_, hcl := e.sections[fmt.Sprintf("v%d.hcl", version)]
	_, sql := e.sections[fmt.Sprintf("v%d.sql", version)]
	return hcl || sql
}

func (e *evolution) section(version int, name string) string {
	return e.sections[fmt.Sprintf("v%d.%s", version, name)]
}

// to writes the files of a version, with one more tenant.
func (e *evolution) to(version int) {
	e.ids = append(e.ids, fmt.Sprintf("created%d", version))
	project, file := "env \"app\" {\n  src = [\"file://app.hcl\", \"file://app.sql\"]\n}\n", tenants(e.ids...)
	shared := e.section(version, "shared.hcl")
	if shared != "" {
		project += "env \"identity\" {\n  src = [\"file://identity.hcl\"]\n}\n"
		file = "version: 1\nshared: [identity]\ndefaults: {services: [app]}\n" + file
	}
	start, ok := e.sections["head.hcl"]
	if !ok {
		start = head
	}
	e.w.write(map[string]string{
		"atlas.hcl": project, "tenants.yaml": file, "identity.hcl": shared,
		"app.hcl": start + e.section(version, "hcl"), "app.sql": e.section(version, "sql"),
	})
}

// compare asserts that every tenant is what one created today is.
func (e *evolution) compare(version int, report *reconcile.Report) {
	e.t.Helper()
	created := "tenant_" + e.ids[len(e.ids)-1]
	want := e.w.lines(created)
	for _, id := range e.ids {
		if diff := cmp.Diff(want, e.w.lines("tenant_"+id)); diff != "" {
			e.t.Fatalf("version %d: %s is not what a tenant created today is:\n%s\nplan:\n%s", version, id, diff, statements(report.Plan))
		}
	}
	if !e.has(version + 1) {
		samePgDump(e.t, e.w, "tenant_evolved", created)
	}
	onePlanAClass(e.t, report)
}

func (e *evolution) rows(version int) {
	if sql := e.section(version, "rows.sql"); sql != "" {
		e.w.exec("SET search_path = tenant_evolved, public")
		e.w.exec(sql)
		e.w.exec("RESET search_path")
	}
}

// onePlanAClass asserts that tenants with one past share one way from one
// structure to another, in the form for tables with rows or in the other.
func onePlanAClass(t *testing.T, r *reconcile.Report) {
	t.Helper()
	classes := make(map[string]bool)
	for _, target := range r.Plan.Targets {
		if !target.Shared && target.Step != "" {
			step := stepOf(r.Plan, &target)
			classes[step.From+step.To] = true
		}
	}
	if len(classes) > 2 {
		t.Errorf("%d steps for one new tenant and tenants of one past", len(classes))
	}
}
