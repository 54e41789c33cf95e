package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantry/internal/report"
	"tenantry/reconcile"
)

// The machine says something for each standing and each wish, once.
func TestTheMachineOfALifeIsComplete(t *testing.T) {
	t.Parallel()
	said := make(map[string]int)
	for _, m := range reconcile.Moves {
		said[string(m.Standing)+" × "+string(m.Wish)]++
	}
	for _, s := range reconcile.Standings {
		for _, w := range reconcile.Wishes {
			if n := said[string(s)+" × "+string(w)]; n != 1 {
				t.Errorf("%s × %s is there %d times", s, w, n)
			}
		}
	}
	if len(reconcile.Moves) != len(reconcile.Standings)*len(reconcile.Wishes) {
		t.Error("there are moves for something else")
	}
}

// life is a world with one tenant, whose entry each test writes anew.
func life(t *testing.T) *world {
	w := newWorld(t, map[string]string{"atlas.hcl": oneService, "app.hcl": head + notes(""), "tenants.yaml": tenants("acme")})
	w.converge()
	w.exec("INSERT INTO tenant_acme.notes VALUES (1, 'kept')")
	return w
}

func notes(more string) string {
	return "table \"notes\" {\n  schema = schema.tenant\n  column \"id\" { type = bigint }\n  column \"text\" { type = text }\n" + more + "  primary_key { columns = [column.id] }\n}\n"
}

const sized = "  column \"size\" {\n    type = int\n    null = true\n  }\n"

// say writes the entry of the tenant, with room for what the test does.
func (w *world) say(entry string) {
	w.t.Helper()
	w.write(map[string]string{"tenants.yaml": "policy: {max_removals: 5}\nallow_empty: true\ntenants: [" + entry + "]\n"})
}

// run reconciles and returns the action, reason and result of the one tenant.
func (w *world) run() string {
	w.t.Helper()
	r := w.reconcile()
	var out []string
	for i, t := range r.Plan.Targets {
		out = append(out, strings.Trim(fmt.Sprint(t.Action, " ", t.Reason, " ", r.Outcomes[i].Result, " ", r.Outcomes[i].Error), " "))
	}
	return strings.Join(out, "; ")
}

// aside returns the schemas that are retired.
func (w *world) aside() []string {
	w.t.Helper()
	return value[[]string](w, "SELECT coalesce(array_agg(nspname::text ORDER BY nspname), '{}') FROM pg_namespace WHERE nspname LIKE 'retired\\_%'")
}

func (w *world) wantRun(want string) {
	w.t.Helper()
	if got := w.run(); got != want {
		w.t.Fatalf("the run: %s\nwant %s", got, want)
	}
}

func (w *world) wantKept(name string) {
	w.t.Helper()
	if got := value[string](w, "SELECT text FROM "+name+".notes WHERE id = 1"); got != "kept" {
		w.t.Fatalf("%s has %q", name, got)
	}
}

func TestARetiredTenantIsPutAsideAndComesBackUpToDate(t *testing.T) {
	t.Parallel()
	w := life(t)
	w.say("{id: acme, state: retired}")
	w.wantRun("retire retired applied")
	w.wantRun("none  unchanged")
	aside := w.aside()
	if len(aside) != 1 || !strings.HasPrefix(aside[0], "retired_tenant_acme_2") {
		t.Fatalf("put aside: %q", aside)
	}
	w.wantKept(aside[0])
	got := value[string](w, "SELECT concat_ws(' ', id, schema = $1, state, (SELECT home FROM tenantry.target)) FROM tenantry.tenants", aside[0])
	if got != "acme t retired tenant_acme" {
		t.Errorf("on record: %s", got)
	}

	// What is retired is not migrated; what comes back is.
	w.write(map[string]string{"app.hcl": head + notes(sized)})
	w.wantRun("none  unchanged")
	w.say("acme")
	plan := w.plan()
	if s := statements(plan); !strings.HasPrefix(s, "ALTER SCHEMA {from} RENAME TO {schema};\nALTER TABLE {schema}.\"notes\" ADD COLUMN \"size\"") {
		t.Errorf("the plan:\n%s", s)
	}
	w.wantRun("restore active applied")
	w.converge()
	w.wantKept("tenant_acme")
	if len(w.aside()) > 0 {
		t.Errorf("still aside: %q", w.aside())
	}
	undo := value[[]string](w, "SELECT reverse FROM tenantry.change ORDER BY id DESC LIMIT 1")
	if want := `ALTER SCHEMA "tenant_acme" RENAME TO "` + aside[0] + `"`; undo[len(undo)-1] != want {
		t.Errorf("the history would undo it by %q", undo)
	}
}

func TestARenamedTenantKeepsItsSchemaOnceUnderTheNewName(t *testing.T) {
	t.Parallel()
	w := life(t)
	w.write(map[string]string{"app.hcl": head + notes(sized)})
	w.say("{id: acme2, was: acme}")
	w.wantRun("rename renamed applied")
	w.wantKept("tenant_acme2")
	w.converge()
	if n := value[int](w, "SELECT count(*) FROM tenantry.target WHERE tenant = 'acme2' AND schema = 'tenant_acme2'"); n != 1 {
		t.Error("the record did not move with it")
	}
	// Somebody may have the old id then.
	w.say("{id: acme2, was: acme}")
	w.exec("CREATE SCHEMA tenant_acme")
	w.wantRun("none  unchanged")
}

func TestARenameOntoAnotherSchemaIsBlocked(t *testing.T) {
	t.Parallel()
	w := life(t)
	w.exec("CREATE SCHEMA tenant_acme2")
	w.say("{id: acme2, was: acme}")
	w.wantRun("blocked name_taken blocked")
	w.wantKept("tenant_acme")
}

func TestAForgottenTenantIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	w := life(t)
	w.say("{id: acme, forget: true}")
	w.wantRun("forget forgotten applied")
	w.wantRun("none  unchanged")
	w.wantKept("tenant_acme")
	if n := value[int](w, "SELECT count(*) FROM tenantry.target"); n != 0 {
		t.Error("it is still on record")
	}
	w.say("")
	w.wantRun("")
}

func TestAnOrphanIsReportedUntilItIsNamed(t *testing.T) {
	t.Parallel()
	w := life(t)
	w.say("other")
	for range 2 {
		if got := w.run(); !strings.HasSuffix(got, "; orphaned not_in_file unchanged") {
			t.Fatalf("the run: %s", got)
		}
	}
	w.wantKept("tenant_acme")
	w.say("other, {id: acme, state: retired}")
	if got := w.run(); !strings.HasSuffix(got, "; retire retired applied") {
		t.Fatalf("the run: %s", got)
	}
	// It has been named: nobody has to name it for ever.
	w.say("other")
	w.wantRun("none  unchanged")
}

func TestProtectionHoldsUntilItIsLiftedInARunOfItsOwn(t *testing.T) {
	t.Parallel()
	w := life(t)
	w.allowDestructive = true
	w.say("{id: acme, protected: true}")
	w.wantRun("none  unchanged")
	for _, entry := range []string{
		"{id: acme, state: retired, protected: true}",
		"{id: acme, state: retired}",                   // deleting the line lifts nothing
		"{id: acme, forget: true}",                     // nor does this
		"{id: acme2, was: acme, state: retired}",       // nor another name
		"{id: acme, state: retired, protected: false}", // lifted by this run, for the next
	} {
		w.say(entry)
		w.wantRun("blocked protected blocked")
		w.wantKept("tenant_acme")
	}
	w.wantRun("retire retired applied")
}

func TestProtectionRefusesWhatDestroysDataWhateverThePolicy(t *testing.T) {
	t.Parallel()
	w := life(t)
	w.allowDestructive = true
	w.say("{id: acme, protected: true}")
	w.wantRun("none  unchanged")
	w.write(map[string]string{"app.hcl": head + strings.Replace(notes(""), "  column \"text\" { type = text }\n", "", 1)})
	w.say("acme")
	w.wantRun("blocked protected blocked")
	w.wantKept("tenant_acme")
	w.say("{id: acme, protected: false}")
	w.wantRun("blocked protected blocked")
	w.wantRun("change definition_changed applied")
}

func TestAFoundSchemaIsTakenOverOnlyWhereItsTenantSaysSo(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{
		"active":  "change first_seen applied",
		"retired": "retire retired applied",
	} {
		w := newWorld(t, map[string]string{"atlas.hcl": oneService, "app.hcl": head + notes(sized)})
		w.exec("CREATE SCHEMA tenant_acme; CREATE TABLE tenant_acme.notes (id bigint PRIMARY KEY, text text NOT NULL); INSERT INTO tenant_acme.notes VALUES (1, 'kept')")
		w.say("{id: acme, state: " + state + "}")
		w.wantRun("blocked first_seen blocked")
		w.say("{id: acme, state: " + state + ", adopt: true}")
		w.wantRun(want)
	}
}

// A file cut in half changes nothing, and neither does one that would remove or
// touch more than the policy wants.
func TestMoreThanThePolicyWantsIsRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	var ids []string
	for i := range 20 {
		ids = append(ids, fmt.Sprintf("t%02d", i))
	}
	w := newWorld(t, map[string]string{"atlas.hcl": oneService, "app.hcl": head + notes(""), "tenants.yaml": tenants(ids...)})
	w.converge()
	w.write(map[string]string{"app.hcl": head + notes(sized)})
	retired := strings.NewReplacer("t00", "{id: t00, state: retired}")
	for name, c := range map[string]struct{ file, why string }{
		"cut in half":      {tenants(ids[:10]...), "10 of 20 recorded schemas are gone from the file at once"},
		"one is retired":   {retired.Replace(tenants(ids...)), "1 would be retired or renamed, and policy.max_removals is 0"},
		"one is renamed":   {strings.Replace(tenants(ids...), "t00", "{id: t99, was: t00}", 1), "1 would be retired or renamed"},
		"many are touched": {"policy: {max_changes: 19}\n" + tenants(ids...), "20 schemas would be touched, and policy.max_changes is 19"},
	} {
		w.write(map[string]string{"tenants.yaml": c.file})
		before := w.everything()
		r := w.reconcile()
		if !strings.Contains(r.Plan.Refused, c.why) || !r.Blocked() || r.Count(reconcile.ResultApplied) > 0 {
			t.Errorf("%s: %q, %+v", name, r.Plan.Refused, r.Plan.Summary)
		}
		if diff := cmp.Diff(before, w.everything()); diff != "" {
			t.Errorf("%s: something was done:\n%s", name, diff)
		}
		var text strings.Builder
		if err := report.Text(&text, r, report.Style{}); err != nil || !strings.Contains(text.String(), "Refused, and nothing was run: ") {
			t.Errorf("%s: %v\n%s", name, err, text.String())
		}
	}
	// One that is gone is no catastrophe, and a known one is not news.
	w.write(map[string]string{"tenants.yaml": "policy: {max_removals: 12}\n" + tenants(ids[:8]...)})
	if r := w.reconcile(); r.Plan.Refused != "" || r.Count(reconcile.ResultApplied) != 8 {
		t.Errorf("allowed: %q %+v", r.Plan.Refused, r.Plan.Summary)
	}
	w.write(map[string]string{"tenants.yaml": tenants(ids[:8]...)})
	if r := w.reconcile(); r.Plan.Refused != "" || r.Plan.Summary.Orphaned != 12 {
		t.Errorf("known: %q %+v", r.Plan.Refused, r.Plan.Summary)
	}
	w.write(map[string]string{"tenants.yaml": tenants(ids[:7]...)})
	if r := w.reconcile(); r.Plan.Refused != "" || r.Plan.Summary.Orphaned != 13 {
		t.Errorf("one more: %q %+v", r.Plan.Refused, r.Plan.Summary)
	}
}

// Half of a file of 1,000 tenants is gone: nothing runs, and it says why.
func TestAFleetOfAThousandCutInHalfIsRefused(t *testing.T) {
	t.Parallel()
	var ids []string
	for i := range 1000 {
		ids = append(ids, fmt.Sprintf("t%03d", i))
	}
	w := newWorld(t, map[string]string{"atlas.hcl": oneService, "app.hcl": head + notes(""), "tenants.yaml": tenants(ids[:2]...)})
	w.converge()
	w.exec(`INSERT INTO tenantry.target (schema, tenant, shared, blueprint, structure, objects, token, status, error, attempted_at)
		SELECT 'tenant_t' || to_char(i, 'FM000'), 't' || to_char(i, 'FM000'), shared, blueprint, structure, objects, '', status, '', attempted_at
		FROM tenantry.target, generate_series(2, 999) i WHERE schema = 'tenant_t000'`)
	w.write(map[string]string{"tenants.yaml": tenants(ids[:500]...)})
	before := w.everything()
	r := w.reconcile()
	if want := "500 of 1000 recorded schemas are gone from the file at once, and policy.max_removals is 0"; !strings.Contains(r.Plan.Refused, want) || !r.Blocked() {
		t.Errorf("%q, want %q", r.Plan.Refused, want)
	}
	if n := r.Count(reconcile.ResultApplied) + r.Count(reconcile.ResultFailed); n > 0 {
		t.Errorf("something was done to %d", n)
	}
	if diff := cmp.Diff(before, w.everything()); diff != "" {
		t.Error(diff)
	}
}

func TestALongNameIsRetiredWithinWhatPostgreSQLKeeps(t *testing.T) {
	t.Parallel()
	a, b := strings.Repeat("ä", 30)+"1", strings.Repeat("ä", 30)+"2"
	w := newWorld(t, map[string]string{"atlas.hcl": oneService, "app.hcl": head + notes("")})
	w.say("{id: a, schema: " + a + "}, {id: b, schema: " + b + "}")
	w.converge()
	w.say("{id: a, schema: " + a + ", state: retired}, {id: b, schema: " + b + ", state: retired}")
	w.wantRun("retire retired applied; retire retired applied")
	if aside := w.aside(); len(aside) != 2 || slices.ContainsFunc(aside, func(s string) bool { return len(s) > 63 }) {
		t.Errorf("put aside: %q", aside)
	}
	w.say("{id: a, schema: " + a + "}, {id: b, schema: " + b + "}")
	w.wantRun("restore active applied; restore active applied")
	w.converge()
}

// The registry says who is where, and tells when that changes.
func TestTheRegistryTellsWhoIsWhere(t *testing.T) {
	t.Parallel()
	w := life(t)
	w.exec("LISTEN tenantry_tenants")
	w.say("{id: acme, name: Acme Inc., labels: {plan: gold, ring: canary}}")
	w.wantRun("none  unchanged")
	row := value[string](w, "SELECT concat_ws(' ', id, name, database, schema, state, labels->>'plan', blueprint LIKE 'sha256:%') FROM tenantry.tenants")
	if row != "acme Acme Inc. main tenant_acme active gold t" {
		t.Errorf("registered: %s", row)
	}
	told, err := w.conn.WaitForNotification(context.Background())
	if err != nil || told.Payload != "acme" {
		t.Errorf("told %v, %v", told, err)
	}
	w.wantRun("none  unchanged")
}
