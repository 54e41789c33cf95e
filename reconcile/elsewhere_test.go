package reconcile_test

import (
	"strings"
	"testing"

	"tenantry/internal/pgtest"
	"tenantry/reconcile"
)

// A tenant whose database changes is refused until its rows have moved, and the
// file says so: nothing is made empty beside what was there.
func TestATenantThatMovesToAnotherDatabase(t *testing.T) {
	t.Parallel()
	const head0 = "databases: {main: {url: a}, eu: {url: b}}\ndefaults: {services: [app], database: main}\ntenants:\n  - initech\n"
	main, eu := pgtest.URL(t), pgtest.URL(t)
	f := newFleet(t, map[string]string{
		"tenants.yaml": head0 + "  - acme\n  - {id: globex, database: eu}\n", "atlas.hcl": oneService,
		"app.hcl": head + "table \"items\" {\n  schema = schema.tenant\n  column \"id\" { type = int }\n}\n",
	}, map[string]string{"main": main, "eu": eu})
	f.expect("the first run", f.run(), map[string]string{"main": "applied", "eu": "applied"})
	execAt(t, main, "INSERT INTO tenant_acme.items VALUES (1)")

	refused := func(what, moved, words string) {
		t.Helper()
		f.write(map[string]string{"tenants.yaml": head0 + "  - {id: acme, database: eu" + moved + "}\n  - {id: globex, database: eu}\n"})
		_, plan, err := f.planAll()
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for i := range plan.Targets {
			p := &plan.Targets[i]
			if p.Tenant != "acme" {
				continue
			}
			if p.Action != reconcile.ActionBlocked || p.Reason != reconcile.ReasonElsewhere || p.Database != "eu" {
				t.Errorf("%s: %s is %s, %s", what, p.Key(), p.Action, p.Reason)
			}
			for _, d := range p.Diagnostics {
				told = append(told, d.Code+": "+d.Message)
			}
		}
		if len(told) != 1 || !strings.HasPrefix(told[0], "moved-database: ") || !strings.Contains(told[0], words) {
			t.Errorf("%s: %q, want %q", what, told, words)
		}
		if plan.Summary.Orphaned != 0 {
			t.Errorf("%s: what was there is an orphan already", what)
		}
	}
	refused("without a word", "", "on record in the database main, as tenant_acme")
	refused("before anything has moved", ", moved: true", "there is no schema tenant_acme in the database eu")
	execAt(t, eu, "CREATE SCHEMA tenant_acme; CREATE TABLE tenant_acme.items (id int NOT NULL)")
	refused("before the rows have moved", ", moved: true", "hold rows in main.tenant_acme and none in eu.tenant_acme: items")
	execAt(t, eu, "INSERT INTO tenant_acme.items VALUES (1)")
	f.run()
	_, plan, err := f.planAll()
	if err != nil {
		t.Fatal(err)
	}
	if plan.Changes() || plan.Summary.Orphaned != 1 {
		t.Errorf("moved: %+v", plan.Summary)
	}
	for i := range plan.Targets {
		if p := &plan.Targets[i]; p.Action == reconcile.ActionOrphaned && p.Key().String() != "main.tenant_acme" {
			t.Errorf("%s is an orphan", p.Key())
		}
	}

	// A database that cannot be asked keeps nobody from being made; it is told.
	f.databases["main"] = reconcile.Unusable("main", errAway)
	f.write(map[string]string{"tenants.yaml": head0 + "  - {id: acme, database: eu}\n  - {id: globex, database: eu}\n  - {id: stark, database: eu}\n"})
	_, plan, err = f.planAll()
	if err != nil {
		t.Fatal(err)
	}
	for i := range plan.Targets {
		p := &plan.Targets[i]
		if p.Tenant == "stark" && (p.Action != reconcile.ActionCreate || len(p.Diagnostics) != 1 || p.Diagnostics[0].Code != "unseen-database") {
			t.Errorf("stark: %s, %+v", p.Action, p.Diagnostics)
		}
	}
}

type away string

func (a away) Error() string { return string(a) }

const errAway = away("database main: it is away")
