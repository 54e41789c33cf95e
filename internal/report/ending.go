package report

import (
	"strings"

	"tenantry/reconcile"
)

// leftAlone lists what differs on purpose: kept by a policy, or not ours.
func (t *text) leftAlone() {
	kept, unmanaged, repaired := newRemains(), newRemains(), newRemains()
	steps := stepsOf(t.report.Plan)
	for i := range t.report.Plan.Targets {
		target := &t.report.Plan.Targets[i]
		repaired.add(repairs(target), target)
		if steps[target.Step] != nil {
			kept.add(steps[target.Step].Kept, target)
			unmanaged.add(steps[target.Step].Unmanaged, target)
		}
	}
	t.remains(kept, "kept", "as it is by the diff policy of atlas.hcl, in ")
	t.remains(unmanaged, "left alone,", "because no blueprint made it, in ")
	t.remains(repaired, "by --repair,", "in ")
}

// repairs returns what --repair comes to for a target.
func repairs(t *reconcile.PlannedTarget) (out []string) {
	for _, d := range t.Diagnostics {
		if d.Code == reconcile.CodeRepaired {
			out = append(out, d.Message)
		}
	}
	return out
}

// remains is what is left alone, by what it is.
type remains struct {
	order   []string
	lines   map[string][]string
	targets map[string][]*reconcile.PlannedTarget
}

func newRemains() *remains {
	return &remains{lines: make(map[string][]string), targets: make(map[string][]*reconcile.PlannedTarget)}
}

func (r *remains) add(lines []string, target *reconcile.PlannedTarget) {
	if len(lines) == 0 {
		return
	}
	key := strings.Join(lines, "\n")
	if r.lines[key] == nil {
		r.order, r.lines[key] = append(r.order, key), lines
	}
	r.targets[key] = append(r.targets[key], target)
}

func (t *text) remains(r *remains, lead, why string) {
	for _, key := range r.order {
		t.gap()
		t.say(0, dim, lead, " "+why+t.fleet.subject(r.targets[key], t.style.Verbose))
		t.list(2, r.lines[key])
	}
}

// orphans names the schemas that no file asks for any more.
func (t *text) orphans() {
	var all []string
	for i := range t.report.Plan.Targets {
		target := &t.report.Plan.Targets[i]
		if target.Action != reconcile.ActionOrphaned {
			continue
		}
		name := target.Schema
		if t.fleet.several() {
			name += " in " + target.Database
		}
		all = append(all, name)
	}
	if len(all) == 0 {
		return
	}
	t.gap()
	if len(all) == 1 {
		t.say(0, yellow, "1 schema", " is recorded and no longer in the file: "+all[0]+"; it is left alone")
		return
	}
	t.say(0, yellow, count(len(all), "schema"), " are recorded and no longer in the file: "+names(all, t.style.Verbose)+"; they are left alone")
}

// ending sums the report up in one line.
func (t *text) ending() {
	t.gap()
	if t.report.Plan.Partial {
		t.say(0, plain, "", partialNote)
	}
	counted := tallyOf(t.report)
	switch {
	case t.report.Plan.Refused != "":
		t.say(0, red, "Refused, and nothing was run:", " "+t.report.Plan.Refused)
	case counted.nothing():
		t.idle(counted)
	case t.report.DryRun():
		t.say(0, bold, "Plan:", " "+counted.planned()+". Nothing was changed.")
	case counted.work() == 0:
		t.say(0, bold, "Applied nothing:", " "+counted.applied()+" in "+took(t.report.Duration)+".")
	default:
		t.say(0, bold, "Applied:", " "+counted.applied()+" in "+took(t.report.Duration)+".")
	}
	if t.style.Verbose {
		t.identity()
	}
}

func (t *text) idle(counted tally) {
	lead, is := "Nothing to do:", "targets are in sync"
	switch counted.unchanged {
	case 0:
		t.say(0, green, lead, " there are no targets ("+took(t.report.Duration)+").")
		return
	case 1:
		is = "target is in sync"
	}
	t.say(0, green, lead, " "+thousands(counted.unchanged)+" "+is+" ("+took(t.report.Duration)+").")
}

// identity says which plan and which run it was.
func (t *text) identity() {
	words := "plan " + t.report.Plan.ID
	if t.report.RunID != "" {
		words += ", run " + t.report.RunID
	}
	t.say(0, dim, words, "")
}
