package main

import (
	"fmt"
	"testing"

	"tenantry/reconcile"
	"tenantry/schema"
)

// fleetOf returns a desired state of tenants t0, t1 and so on, each of whose
// blueprints has the digest that redefined gives it, else "same".
func fleetOf(n int, redefined map[int]string) *reconcile.Desired {
	d := &reconcile.Desired{}
	for i := range n {
		digest := "same"
		if other, ok := redefined[i]; ok {
			digest = other
		}
		d.Targets = append(d.Targets, reconcile.Target{
			Key: reconcile.Key{Database: "main", Schema: fmt.Sprint("t", i)}, Blueprint: &schema.Blueprint{Digest: digest},
		})
	}
	return d
}

// applied returns the report of a run in which every target but the named was
// brought to its blueprint.
func applied(d *reconcile.Desired, results map[int]reconcile.Result) *reconcile.Report {
	r := &reconcile.Report{Plan: &reconcile.Plan{}}
	for i, t := range d.Targets {
		result := reconcile.ResultApplied
		if other, ok := results[i]; ok {
			result = other
		}
		r.Plan.Targets = append(r.Plan.Targets, reconcile.PlannedTarget{Database: t.Database, Schema: t.Schema, Action: reconcile.ActionChange})
		r.Outcomes = append(r.Outcomes, reconcile.Outcome{Result: result})
	}
	return r
}

func TestWhatIsTakenFirst(t *testing.T) {
	all := fleetOf(largeFleet, nil)
	known := right(nil).after(all, applied(all, nil))
	limping := right(nil).after(all, applied(all, map[int]reconcile.Result{3: reconcile.ResultFailed, 5: reconcile.ResultBlocked}))
	for _, c := range []struct {
		name    string
		known   right
		desired *reconcile.Desired
		want    string
	}{
		{"nothing known", nil, all, "all"},
		{"nothing new", known, all, "all"},
		{"one defined otherwise", known, fleetOf(largeFleet, map[int]string{7: "new"}), "t7"},
		{"one more", known, fleetOf(largeFleet+1, nil), "t100"},
		{"one less", known, fleetOf(largeFleet-1, map[int]string{7: "new"}), "all"},
		{"one instead of another", known, &reconcile.Desired{Targets: fleetOf(largeFleet+1, nil).Targets[1:]}, "all"},
		{"what was not done", limping, all, "t3 t5"},
		{"too many", known, fleetOf(largeFleet*2, nil), "all"},
		{"a small fleet", right{}, fleetOf(3, nil), "all"},
	} {
		got := ""
		few := c.known.otherwise(c.desired)
		if few == nil {
			got = " all"
		} else {
			for _, t := range few.Targets {
				got += " " + t.Schema
			}
		}
		if got != " "+c.want {
			t.Errorf("%s: takes%s first, not %s", c.name, got, c.want)
		}
		if few != nil && !few.Partial {
			t.Errorf("%s: a part does not say so", c.name)
		}
	}
}

func TestWhetherThereWasMoreToDo(t *testing.T) {
	all := fleetOf(largeFleet, nil)
	few := &reconcile.Desired{Targets: all.Targets[:1]}
	r := applied(all, nil)
	for i := range r.Plan.Targets {
		r.Plan.Targets[i].Action = reconcile.ActionNone
	}
	r.Plan.Targets[9].Action = reconcile.ActionOrphaned
	r.Plan.Targets[0].Action = reconcile.ActionBlocked
	if more(r, few) {
		t.Error("nothing more was to be done")
	}
	r.Plan.Targets[1].Action = reconcile.ActionBlocked
	if !more(r, few) {
		t.Error("another one was blocked")
	}
}
