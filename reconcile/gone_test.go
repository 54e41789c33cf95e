package reconcile_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"tenantry/reconcile"
	"tenantry/schema"
)

// impatient is a workbench whose user goes when an attempt has just gone well.
type impatient struct {
	schema.Workbench
	goes context.CancelFunc
}

func (w impatient) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	result, err := w.Workbench.ExecContext(ctx, query, args...)
	if strings.HasPrefix(query, "ROLLBACK TO SAVEPOINT attempt") {
		w.goes()
	}
	return result, err
}

// Whoever asks for a plan and goes, as who leaves a page does, gets an error.
func TestAPlanWhoseAskerHasGoneIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"atlas.hcl": oneService, "tenants.yaml": "tenants: [acme]\n", "app.hcl": head + `table "users" {
  schema = schema.tenant
  column "id" {
    null = false
    type = bigint
  }
}
`})
	w.reconcile()
	w.exec("ALTER TABLE tenant_acme.users ADD COLUMN hotfix text")
	desired, err := w.desired()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	planner := w.planner(desired)
	bench := planner.Workbench
	planner.Workbench = func(ctx context.Context, db reconcile.Database, dev string) (schema.Workbench, error) {
		on, err := bench(ctx, db, dev)
		return impatient{on, cancel}, err
	}
	if _, err := planner.Plan(ctx, desired); !errors.Is(err, context.Canceled) {
		t.Errorf("the plan says %v", err)
	}
}
