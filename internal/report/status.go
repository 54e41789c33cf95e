package report

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"tenantry/reconcile"
	"tenantry/schema"
)

// Count says how many of something there are: "1 tenant", "1,000 tenants".
func Count(n int, one string) string { return count(n, one) }

// stateOrder is the order of the states in which a fleet is told: the worst
// first.
var stateOrder = []struct {
	state  reconcile.State
	words  string
	colour colour
}{
	{reconcile.StateUnreachable, "in a database that cannot be read", red},
	{reconcile.StateFailing, "failing", red},
	{reconcile.StateRefused, "refused", red},
	{reconcile.StateDrifted, "drifted", yellow},
	{reconcile.StateUnknown, "never managed", yellow},
	{reconcile.StateMissing, "missing", yellow},
	{reconcile.StateBehind, "behind their definition", yellow},
	{reconcile.StateOrphaned, "no longer in the file", yellow},
	{reconcile.StateSuspended, "suspended", dim},
	{reconcile.StateRetired, "retired", dim},
	{reconcile.StateInSync, "in sync", green},
}

// Status writes the fleet as it is: the states with how many are in each and
// who, then the last errors. A fleet of one is told in full.
func Status(w io.Writer, f *reconcile.Fleet, s Style) error {
	p := page{w: bufio.NewWriter(w), style: s}
	if len(f.Targets) == 0 {
		p.say(0, plain, "", "There is no target.")
	}
	for _, o := range stateOrder {
		var of []string
		for i := range f.Targets {
			if f.Targets[i].State == o.state {
				of = append(of, targetName(&f.Targets[i]))
			}
		}
		if len(of) > 0 {
			p.say(0, o.colour, thousands(len(of))+" "+o.words, ": "+names(of, s.Verbose))
		}
	}
	p.balance(f)
	for i := range f.Targets {
		if t := &f.Targets[i]; t.Error != "" || len(f.Targets) <= 2 || s.Verbose {
			p.gap()
			p.targetStatus(t)
		}
	}
	if f.Partial {
		p.gap()
		p.say(0, dim, partialNote, "")
	}
	return p.w.Flush()
}

// balance says how many schemas each worker of Citus has.
func (p *page) balance(f *reconcile.Fleet) {
	of := make(map[string]int)
	for i := range f.Targets {
		if worker := f.Targets[i].Worker; worker != "" {
			of[worker]++
		}
	}
	for _, worker := range slices.Sorted(maps.Keys(of)) {
		p.say(0, plain, "", "on worker "+worker+": "+count(of[worker], "schema"))
	}
}

func targetName(t *reconcile.TargetStatus) string {
	if t.Tenant == "" {
		return t.Schema
	}
	return t.Tenant
}

func (p *page) targetStatus(t *reconcile.TargetStatus) {
	p.say(0, bold, targetName(t), fmt.Sprintf(" (schema %s in %s): %s", t.Schema, t.Database, strings.ReplaceAll(string(t.State), "_", " ")))
	for _, c := range t.Conditions {
		p.condition(c)
	}
	if t.Worker != "" {
		p.say(2, plain, "", "on worker "+t.Worker)
	}
	p.say(2, plain, "", "last changed "+when(t.AppliedAt)+lastRun(t))
	if t.Blueprint != "" {
		p.say(2, plain, "", "brought to "+short(t.Blueprint)+wanted(t))
	}
	switch {
	case t.Error == "":
	case t.State == reconcile.StateRefused:
		p.say(2, red, "refused:", " "+t.Error)
	default:
		p.say(2, red, "last error:", " "+t.Error)
	}
}

// condition says one of Ready, Reconciling and Stalled, and why where it is so.
// A target that is not ready says why at that.
func (p *page) condition(c reconcile.Condition) {
	words, why := "no", ""
	if c.Status {
		words = "yes"
	}
	if c.Status || c.Type == reconcile.ConditionReady {
		why = ": " + c.Message
	}
	p.say(2, plain, "", string(c.Type)+" "+words+why)
}

func when(at *time.Time) string {
	if at == nil || at.IsZero() {
		return "never"
	}
	return at.UTC().Format("2006-01-02 15:04:05 UTC")
}

func lastRun(t *reconcile.TargetStatus) string {
	if t.RunID == "" {
		return ""
	}
	return ", last attempt " + when(t.AttemptedAt) + " in run " + t.RunID
}

func wanted(t *reconcile.TargetStatus) string {
	if t.Wanted == "" || t.Wanted == t.Blueprint {
		return ""
	}
	return ", should be brought to " + short(t.Wanted)
}

// short is a digest as people say it.
func short(digest string) string {
	const shown = len("sha256:") + 12
	return digest[:min(len(digest), shown)]
}

// Explanations writes how live schemas differ from their blueprints, object by
// object: what is there after "-", what should be after "+".
func Explanations(w io.Writer, explained []reconcile.Explanation, s Style) error {
	p := page{w: bufio.NewWriter(w), style: s}
	for i := range explained {
		p.gap()
		p.explanation(&explained[i])
	}
	return p.w.Flush()
}

func (p *page) explanation(e *reconcile.Explanation) {
	lead := fmt.Sprintf("%s (schema %s in %s)", e.Tenant, e.Schema, e.Database)
	switch {
	case e.State == reconcile.StateMissing:
		p.say(0, yellow, lead, ": there is no such schema yet")
		return
	case len(e.Differing) == 0:
		p.say(0, green, lead, ": as it should be, with "+inventoryOf(e.Objects))
	default:
		p.say(0, yellow, lead, fmt.Sprintf(": %s from its blueprint (%s)", count(len(e.Differing), "difference"), strings.ReplaceAll(string(e.State), "_", " ")))
	}
	for _, d := range e.Differing {
		p.explained(d)
	}
	for _, d := range e.Kept {
		p.say(2, dim, "kept by the diff policy of atlas.hcl:", " "+d.Summary)
	}
	for _, u := range e.Unmanaged {
		p.say(2, dim, "not managed:", " "+u)
	}
}

func (p *page) explained(d reconcile.ExplainedLine) {
	subject := schema.Line{Kind: d.Kind, Table: d.Table, Name: d.Name}.String()
	p.say(2, bold, subject, ": "+d.Problem)
	if d.Live != "" {
		p.code(4, red, "- "+strings.ReplaceAll(d.Live, "\n", "\n  "))
	}
	if d.Wanted != "" {
		p.code(4, green, "+ "+strings.ReplaceAll(d.Wanted, "\n", "\n  "))
	}
}

// inventoryOf says how much of what a schema holds.
func inventoryOf(objects map[schema.Kind]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(objects)) {
		switch k {
		case schema.KindTable, schema.KindColumn, schema.KindIndex, schema.KindConstraint, schema.KindEnum, schema.KindView, schema.KindFunction, schema.KindTrigger:
			parts = append(parts, count(objects[k], string(k)))
		}
	}
	if parts == nil {
		return "nothing in it"
	}
	return strings.Join(parts, ", ")
}
