package report

import (
	"bufio"
	"io"
	"strings"

	"tenantry/reconcile"
)

// Cycle writes what came of one cycle of a watch: a line that begins with head,
// "12:03:04 tenants.yaml changed", and goes on with CycleLine. Below it stands
// what a person wants to see at once: what may not be done and what went wrong,
// and the SQL of changes.
func Cycle(w io.Writer, head string, r *reconcile.Report, s Style) error {
	buffered := bufio.NewWriter(w)
	t := text{page: page{w: buffered, style: s}, report: r, fleet: fleetOf(r.Plan)}
	t.say(0, bold, head+":", " "+CycleLine(r))
	for i, b := range blocksOf(r) {
		switch {
		case i >= manyBlocks && !s.Verbose:
			t.say(0, plain, "", "… and more, each in a way of its own (-v shows them)")
			return buffered.Flush()
		case b.kind == change && b.done:
			t.changed(b)
		case b.kind != create || !b.done:
			t.block(b)
		}
	}
	return buffered.Flush() // bufio keeps the first error
}

// changed shows a change that is done with its SQL: whoever saves a file wants to
// see what it did.
func (t *text) changed(b *block) {
	t.gap()
	t.noted = false
	c, lead := b.lead()
	t.say(0, c, lead, " "+t.fleet.subject(b.targets, t.style.Verbose)+t.pace(b))
	t.notes(b)
	if b.step != nil {
		t.sql(b)
	}
	t.unplanned(b)
}

// CycleLine says in a few words what came of a cycle: "created 1 tenant in 0.2s",
// "nothing to do".
func CycleLine(r *reconcile.Report) string {
	fleet, byKind := fleetOf(r.Plan), make(map[kind][]*reconcile.PlannedTarget)
	orphaned := 0
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		k := kindOf(t, outcomeOf(r, i))
		byKind[k] = append(byKind[k], t)
		orphaned += one(t.Action == reconcile.ActionOrphaned)
	}
	created, changed := "created ", "changed "
	if r.DryRun() {
		created, changed = "would create ", "would change "
	}
	var parts []string
	for _, p := range []struct {
		kind          kind
		before, after string
	}{{create, created, ""}, {change, changed, ""}, {blocked, "", " blocked"}, {failed, "", " failed"}, {skipped, "skipped ", ""}} {
		if targets := byKind[p.kind]; len(targets) > 0 {
			parts = append(parts, p.before+count(len(targets), fleet.noun(targets))+p.after)
		}
	}
	line := strings.Join(parts, ", ")
	switch {
	case line == "":
		line = "nothing to do"
	case !r.DryRun():
		line += " in " + took(r.Duration)
	}
	if orphaned > 0 {
		line += "; " + count(orphaned, "schema") + " no longer in the file"
	}
	return line
}
