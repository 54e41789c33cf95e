package report

import (
	"strings"

	"tenantry/reconcile"
)

// tally counts targets by what is, or was, done with them. Orphans are not
// among them.
type tally struct {
	create, change                      int
	retire, suspend, resume             int
	restore, rename, forget             int
	blocked, failed, skipped, unchanged int

	drifted, destroying int // among those that change
	unplanned           int // among all
}

func tallyOf(r *reconcile.Report) tally {
	var out tally
	steps := stepsOf(r.Plan)
	destructive := make(map[string]bool)
	for id, s := range steps {
		destructive[id] = s.Destructive()
	}
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		if t.Action == reconcile.ActionOrphaned {
			continue
		}
		k := kindOf(t, outcomeOf(r, i))
		out.add(t, k)
		if s := steps[t.Step]; k == change && s != nil {
			out.drifted += one(t.Reason == reconcile.ReasonDrifted)
			out.destroying += one(destructive[t.Step])
			out.unplanned += one(len(s.Unplanned) > 0)
		}
	}
	return out
}

func (c *tally) add(t *reconcile.PlannedTarget, k kind) {
	switch {
	case k == blocked:
		c.blocked++
	case k == failed:
		c.failed++
	case k == skipped:
		c.skipped++
	case k == nothing:
		c.unchanged++
	case k == create:
		c.create++
	default:
		*c.of(t.Action)++
	}
}

// of returns the count of an action.
func (c *tally) of(a reconcile.Action) *int {
	switch a {
	case reconcile.ActionRetire:
		return &c.retire
	case reconcile.ActionSuspend:
		return &c.suspend
	case reconcile.ActionResume:
		return &c.resume
	case reconcile.ActionRestore:
		return &c.restore
	case reconcile.ActionRename:
		return &c.rename
	case reconcile.ActionForget:
		return &c.forget
	}
	return &c.change
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (c tally) nothing() bool { return c.work()+c.blocked+c.failed+c.skipped == 0 }

// work counts what is, or was, done.
func (c tally) work() int {
	return c.create + c.change + c.retire + c.suspend + c.resume + c.restore + c.rename + c.forget
}

// planned says what is to be done: "3 to create, 1 to change, 2 unchanged".
func (c tally) planned() string {
	return list(
		counted{c.create, " to create"}, counted{c.change, " to change" + c.asides("destroys data", "destroy data")}, counted{c.retire, " to retire"},
		counted{c.suspend, " to suspend"}, counted{c.resume, " to resume"}, counted{c.restore, " to restore"}, counted{c.rename, " to rename"}, counted{c.forget, " to forget"},
		counted{c.blocked, " blocked"}, counted{c.failed, " cannot be planned"}, counted{c.unchanged, " unchanged"},
	)
}

// applied says what was done: "3 created, 1 changed, 2 unchanged".
func (c tally) applied() string {
	return list(
		counted{c.create, " created"}, counted{c.change, " changed" + c.asides("destroyed data", "destroyed data")}, counted{c.retire, " retired"},
		counted{c.suspend, " suspended"}, counted{c.resume, " resumed"}, counted{c.restore, " restored"}, counted{c.rename, " renamed"}, counted{c.forget, " forgotten"},
		counted{c.blocked, " blocked"}, counted{c.failed, " failed"}, counted{c.skipped, " skipped"},
		counted{c.unchanged, " unchanged"},
	)
}

// asides says what there is to know of those that change.
func (c tally) asides(destroys, destroy string) string {
	if c.destroying != 1 {
		destroys = destroy
	}
	differs := " differs still"
	if c.unplanned != 1 {
		differs = " differ still"
	}
	if all := list(counted{c.drifted, " drifted"}, counted{c.destroying, " " + destroys}, counted{c.unplanned, differs}); all != "" {
		return " (" + all + ")"
	}
	return ""
}

// counted is a number and what it counts.
type counted struct {
	n    int
	what string
}

// list joins what there is any of.
func list(all ...counted) string {
	var parts []string
	for _, c := range all {
		if c.n > 0 {
			parts = append(parts, thousands(c.n)+c.what)
		}
	}
	return strings.Join(parts, ", ")
}
