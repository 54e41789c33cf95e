package reconcile_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry/reconcile"
)

// A walk is the life of 50 tenants in which anything may be said of anyone at
// any time: made, suspended, retired, renamed, forgotten, taken out of the file
// and put back, protected, migrated, purged. Each schema gets a row when it is
// made; the model is the set of the rows that must be somewhere.
type walk struct {
	*world
	random  *rand.Rand
	entries map[string]*entry // by id: what the file says
	rows    map[string]bool   // those that were never purged
	next    int               // the number of the next new tenant
	version int               // of the definition
}

// entry is what the file says of a tenant.
type entry struct{ state, was, protected, more string }

func (e entry) yaml(id string) string {
	out := "{id: " + id
	for _, f := range []struct{ name, value string }{{"state", e.state}, {"was", e.was}, {"protected", e.protected}} {
		if f.value != "" {
			out += ", " + f.name + ": " + f.value
		}
	}
	return out + e.more + "}"
}

const (
	walkTenants = 50
	walkSteps   = 8
)

// Whatever happens to a fleet, no row of a tenant that was not purged is lost,
// and the file's word holds in the end. Fuzzed, it wants -parallel 1: what takes ten
// seconds passes for hung there.
func FuzzNoRowIsLostInALifetime(f *testing.F) {
	f.Add(uint64(1))
	f.Add(uint64(20261124))
	f.Fuzz(func(t *testing.T, seed uint64) {
		t.Parallel()
		w := &walk{
			world:  newWorld(t, map[string]string{"atlas.hcl": oneService, "app.hcl": head + notes("")}),
			random: rand.New(rand.NewPCG(seed, 1)), entries: make(map[string]*entry), rows: make(map[string]bool),
		}
		for range walkTenants {
			w.add()
		}
		w.step("at first")
		for i := range walkSteps {
			for range 12 {
				w.something()
			}
			w.step(fmt.Sprintf("seed %d, step %d", seed, i))
		}
	})
}

func (w *walk) add() {
	w.next++
	w.entries[fmt.Sprintf("t%03d", w.next)] = &entry{}
}

// something happens to somebody.
func (w *walk) something() {
	ids := slices.Sorted(maps.Keys(w.entries))
	id := ids[w.random.IntN(len(ids))]
	e := w.entries[id]
	switch w.random.IntN(12) {
	case 0, 1:
		e.state = "retired"
	case 2, 3:
		e.state = "suspended"
	case 4, 5, 6:
		e.state, e.more = "", ""
	case 7: // another id
		if e.was == "" && e.more == "" {
			delete(w.entries, id)
			w.next++
			moved := *e
			moved.was = id
			w.entries[fmt.Sprintf("t%03d", w.next)] = &moved
		}
	case 8:
		if len(w.entries) > walkTenants/2 {
			delete(w.entries, id)
			w.add() // a line more for a line less
		}
	case 9:
		e.protected = []string{"true", "false", ""}[w.random.IntN(3)]
	case 10:
		if w.random.IntN(3) == 0 {
			e.more = ", forget: true"
		} else {
			e.more = ", adopt: true"
		}
	case 11:
		w.purge()
	}
}

// purge drops one of the retired, with the row that is in it.
func (w *walk) purge() {
	desired, err := w.desired()
	if err != nil {
		return // before the first run
	}
	retirees, err := reconcile.Retirees(context.Background(), w.db, desired, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range retirees {
		if r.Reason != "" {
			continue
		}
		row := value[string](w.world, "SELECT coalesce((SELECT text FROM "+r.Schema+".notes), '')")
		run := reconcile.Run{ID: nonce(), Started: time.Now(), By: "test"}
		if err := w.db.Begin(context.Background(), run); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.db.Purge(context.Background(), run, r.Record, time.Second); err != nil {
			w.t.Fatal(err)
		}
		delete(w.rows, row)
		return
	}
}

// step reconciles, and compares what is there with the model.
func (w *walk) step(when string) {
	w.t.Helper()
	if w.random.IntN(3) == 0 {
		w.version++
	}
	more := ""
	for i := range w.version {
		more += strings.Replace(sized, "size", fmt.Sprintf("size%d", i), 1)
	}
	var tenants []string
	for _, id := range slices.Sorted(maps.Keys(w.entries)) {
		tenants = append(tenants, w.entries[id].yaml(id))
	}
	w.write(map[string]string{"app.hcl": head + notes(more), "tenants.yaml": "policy: {max_removals: 99}\ntenants:\n  - " + strings.Join(tenants, "\n  - ") + "\n"})
	r := w.reconcile()
	for i, o := range r.Outcomes {
		t := &r.Plan.Targets[i]
		if o.Result == reconcile.ResultFailed || o.Result == reconcile.ResultSkipped {
			w.t.Errorf("%s: %s: %s %s", when, t.Key(), o.Result, o.Error)
		}
		w.holds(when, t, o)
	}
	again := w.plan()
	if again.Summary.Create+again.Summary.Change+again.Summary.Suspend+again.Summary.Failed > 0 {
		w.t.Errorf("%s: a second run finds something to do: %+v\n%s", when, again.Summary, statements(again))
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(w.rows)), w.found()); diff != "" {
		w.t.Fatalf("%s: rows are not where they should be:\n%s", when, diff)
	}
}

// holds asserts that a target that was brought about is what the file says, and
// puts a row into it if it is new.
func (w *walk) holds(when string, t *reconcile.PlannedTarget, o reconcile.Outcome) {
	w.t.Helper()
	e, named := w.entries[t.Tenant]
	if o.Result != reconcile.ResultApplied || !named || t.Action == reconcile.ActionForget {
		return
	}
	there := value[bool](w.world, "SELECT to_regnamespace($1) IS NOT NULL", t.Schema)
	if there == (e.state == "retired") {
		w.t.Errorf("%s: %s is %q and its schema's being there is %v", when, t.Tenant, e.state, there)
	}
	if t.Action == reconcile.ActionCreate {
		w.exec("INSERT INTO "+t.Schema+".notes (id, text) VALUES (1, $1)", t.Tenant+" "+t.Step[len(t.Step)-4:]+" "+when)
		w.rows[t.Tenant+" "+t.Step[len(t.Step)-4:]+" "+when] = true
	}
}

// found returns every row that is somewhere.
func (w *walk) found() []string {
	schemas := value[[]string](w.world, "SELECT coalesce(array_agg(nspname::text ORDER BY nspname), '{}') FROM pg_namespace WHERE nspname LIKE 'tenant\\_%' OR nspname LIKE 'retired\\_%'")
	query := "SELECT ''::text AS text WHERE false"
	for _, s := range schemas {
		query += " UNION ALL SELECT text FROM " + s + ".notes"
	}
	return value[[]string](w.world, "SELECT coalesce(array_agg(text ORDER BY text COLLATE \"C\"), '{}') FROM ("+query+") n")
}
