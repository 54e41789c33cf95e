package reconcile_test

import (
	"bytes"
	"strings"
	"testing"

	"tenantry/internal/report"
	"tenantry/reconcile"
)

// A plan that is saved and read again is the same, to the byte; one statement
// changed, and it is refused.
func TestASavedPlanIsBoundToItsContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"atlas.hcl": oneService, "tenants.yaml": tenants("acme", "globex"), "app.hcl": head + usersTable("text")})
	w.reconcile()
	w.write(map[string]string{"app.hcl": head + usersTable("varchar(10)")})
	plan := w.plan()
	var saved bytes.Buffer
	if err := report.JSON(&saved, &reconcile.Report{Plan: plan}); err != nil {
		t.Fatal(err)
	}
	read, err := reconcile.ReadPlan(bytes.NewReader(saved.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := report.JSON(&again, &reconcile.Report{Plan: read}); err != nil {
		t.Fatal(err)
	}
	if saved.String() != again.String() {
		t.Errorf("saved:\n%s\nread and saved again:\n%s", saved.String(), again.String())
	}
	edited := strings.Replace(saved.String(), "ALTER TABLE", "DROP TABLE", 1)
	if _, err := reconcile.ReadPlan(strings.NewReader(edited)); err == nil || !strings.Contains(err.Error(), "was edited") {
		t.Errorf("an edited plan is not refused: %v", err)
	}
	if moved := read.Moved(w.plan()); len(moved) > 0 {
		t.Errorf("nothing has moved, and it says %q", moved)
	}
}

func usersTable(typ string) string {
	return "table \"users\" {\n  schema = schema.tenant\n  column \"email\" { type = " + typ + " }\n}\n"
}
