package reconcile_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/reconcile"
)

// A row that somebody is inserting, and has not committed, when the target's turn
// comes: the transaction that drops waits for it, and finds it.
func TestIfEmptyFindsARowThatIsInsertedConcurrently(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]string{"table": "CREATE TABLE a (id int)", "column": "CREATE TABLE a (id int); CREATE TABLE b (id int)"} {
		t.Run(name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, through func(*world)) {
				w := newWorld(t, map[string]string{
					"atlas.hcl": "env \"app\" {\n  src = [\"file://app.hcl\", \"file://app.sql\"]\n}\n", "app.hcl": head,
					"tenants.yaml": "policy: {destructive: if-empty, lock_timeout: 30s}\n" + tenants("acme", "globex"),
					"app.sql":      "CREATE TABLE a (id int); CREATE TABLE b (id int, x int)",
				})
				through(w)
				w.converge()
				ctx := context.Background()
				inserting, err := pgx.Connect(ctx, w.url)
				if err != nil {
					t.Fatal(err)
				}
				defer inserting.Close(ctx)
				if _, err := inserting.Exec(ctx, "BEGIN; INSERT INTO tenant_acme.b VALUES (1, 1)"); err != nil {
					t.Fatal(err)
				}
				w.write(map[string]string{"app.sql": after})
				reports := make(chan *reconcile.Report, 1)
				go func() { reports <- w.reconcile() }()
				for waiting := false; !waiting; time.Sleep(5 * time.Millisecond) {
					waiting = value[bool](w, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'tenant_acme.b'::regclass)")
				}
				if _, err := inserting.Exec(ctx, "COMMIT"); err != nil {
					t.Fatal(err)
				}
				report := <-reports
				for i, target := range report.Plan.Targets {
					outcome := report.Outcomes[i]
					switch {
					case target.Tenant == "globex" && outcome.Result != reconcile.ResultApplied:
						t.Errorf("globex, where nobody inserts anything: %s %s", outcome.Result, outcome.Error)
					case target.Tenant == "acme" && (outcome.Result != reconcile.ResultBlocked || !strings.Contains(outcome.Error, "which is not empty")):
						t.Errorf("acme: %s %s", outcome.Result, outcome.Error)
					}
				}
				if n := value[int](w, "SELECT count(x) FROM tenant_acme.b"); n != 1 {
					t.Errorf("the row is gone")
				}
			})
		})
	}
}
