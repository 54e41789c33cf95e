package report

import (
	"strings"

	"tenantry/reconcile"
	"tenantry/schema"
)

// manyBlocks is how many blocks of one kind are shown before the rest is only
// counted: a fleet can fail in as many ways as it has tenants.
const manyBlocks = 20

func (t *text) blocks(blocks []*block) {
	shown := make(map[kind]int)
	rest := make(map[kind][]*reconcile.PlannedTarget)
	for i, b := range blocks {
		if shown[b.kind]++; shown[b.kind] > manyBlocks && !t.style.Verbose {
			rest[b.kind] = append(rest[b.kind], b.targets...)
		} else {
			t.block(b)
		}
		if last := i+1 == len(blocks) || blocks[i+1].kind != b.kind; last && len(rest[b.kind]) > 0 {
			t.gap()
			c, lead := b.lead()
			t.say(0, c, lead, " "+t.fleet.subject(rest[b.kind], false)+", each in a way of its own (-v shows them)")
		}
	}
}

// lead returns what a block's first line begins with.
func (b *block) lead() (colour, string) {
	verb := b.verb()
	if b.done {
		verb = past(verb)
	}
	switch b.kind {
	case blocked:
		return red, "blocked:"
	case failed:
		return red, "failed:"
	case skipped:
		return yellow, "skipped:"
	case create:
		return green, verb
	}
	return yellow, verb
}

func (t *text) block(b *block) {
	t.gap()
	t.noted = false
	c, lead := b.lead()
	subject := t.fleet.subject(b.targets, t.style.Verbose)
	switch b.kind {
	case create, change:
		t.say(0, c, lead, " "+subject+t.pace(b))
	default:
		t.say(0, c, lead, " "+b.verb()+" "+subject)
	}
	switch b.kind {
	case blocked:
		t.obstacle(b)
	case failed, skipped:
		t.paragraph(2, b.cause())
	case create:
		t.notes(b)
		t.creation(b)
	case change:
		t.notes(b)
		t.statements(b)
	}
	t.unplanned(b)
}

// own returns the block's message: of one target in its own words, of several
// with {schema} for what they differ in.
func (b *block) own() string {
	if len(b.targets) == 1 {
		return b.errors[0]
	}
	return b.message
}

// cause returns the block's message, and says so where not even a plan was made.
func (b *block) cause() string {
	if b.first().Failed() && b.first().Reason != reconcile.ReasonUnreachable {
		return "cannot be planned: " + b.own()
	}
	return b.own()
}

// anywhere returns an error's text with the mark of a template in place of the
// target's own schema, so that the same error of two targets is the same text.
func anywhere(message string, t *reconcile.PlannedTarget) string {
	if message == "" {
		return ""
	}
	return strings.NewReplacer(t.Key().String(), "{schema}", schema.QuoteIdent(t.Schema), "{schema}").Replace(message)
}

// pace says how long the targets took.
func (t *text) pace(b *block) string {
	fastest, slowest := took(b.fastest), took(b.slowest)
	switch {
	case !b.done:
		return ""
	case fastest == slowest && len(b.targets) == 1:
		return " (" + slowest + ")"
	case fastest == slowest:
		return " (" + slowest + " each)"
	}
	return " (" + fastest + " to " + slowest + " each)"
}

// obstacle says why the targets may not change, and what would let them.
func (t *text) obstacle(b *block) {
	switch reason := b.first().Reason; {
	case b.own() != "":
		t.hazards(b)
		t.paragraph(2, b.own())
	case reason == reconcile.ReasonHazard:
		t.hazards(b)
		t.say(2, plain, "", deniedByPolicy)
	case reason == reconcile.ReasonFirstSeen:
		t.say(2, plain, "", neverManaged)
		t.hazards(b)
	case reason == reconcile.ReasonUnplanned:
		return // the lines say it
	default:
		t.say(2, plain, "", reasonWords(reason))
	}
	t.drift(b)
	t.statements(b)
}

// reasonWords returns a reason that there are no better words for.
func reasonWords(r reconcile.Reason) string {
	if words := reasons[r]; words != "" {
		return words
	}
	return strings.ReplaceAll(string(r), "_", " ")
}

// reasons are the words for those that need more than their name.
var reasons = map[reconcile.Reason]string{
	reconcile.ReasonProtected:   `the tenant is protected; lift that with "protected: false", in a run of its own`,
	reconcile.ReasonPurging:     "a purge of it has begun, and half of it may be gone; finish it with reconcile purge",
	reconcile.ReasonNameTaken:   "another schema has the name that it should get; rename or drop that one",
	reconcile.ReasonMaxRemovals: "the whole run is refused, see below",
	reconcile.ReasonMaxChanges:  "the whole run is refused, see below",
	reconcile.ReasonActive:      "the file says that it is active",
	reconcile.ReasonSuspended:   "the file says that it is suspended",
	reconcile.ReasonRetired:     "the file says that it is retired",
	reconcile.ReasonForgotten:   "the file says that it is to be forgotten",
	reconcile.ReasonRenamed:     "the file says which id it had",
}

// notes says why the targets change, and what is odd about it.
func (t *text) notes(b *block) {
	if b.own() != "" {
		t.say(2, yellow, "note:", " "+b.own())
	}
	if b.first().Reason == reconcile.ReasonFirstSeen {
		t.say(2, plain, "", takenOver)
	}
	t.drift(b)
}

// drift explains how the targets are not as they were left.
func (t *text) drift(b *block) {
	if b.first().Reason != reconcile.ReasonDrifted {
		return
	}
	t.say(2, yellow, "drifted", " since the last apply:")
	t.list(4, b.first().Drift)
}

// unplanned lists what still differs when the step has run.
func (t *text) unplanned(b *block) {
	if b.step == nil || len(b.step.Unplanned) == 0 || b.kind == failed || b.kind == skipped {
		return
	}
	t.say(2, red, "unplanned:", " no statement is known that would mend")
	for _, line := range b.step.Unplanned {
		t.say(4, plain, "", line)
	}
}

// shortList is how many lines of an explanation are shown.
const shortList = 12

// paragraph writes what PostgreSQL or an engine said, in the lines that it has.
func (t *text) paragraph(indent int, words string) {
	for line := range strings.Lines(words) {
		if line = strings.TrimRight(line, " \t\r\n"); line != "" {
			t.say(indent, plain, "", line)
		}
	}
}

func (t *text) list(indent int, lines []string) {
	shown := lines
	if len(lines) > shortList && !t.style.Verbose {
		shown = lines[:shortList-1]
	}
	for _, line := range shown {
		t.say(indent, plain, "", line)
	}
	if n := len(lines) - len(shown); n > 0 {
		t.say(indent, plain, "", "… and "+thousands(n)+" more (-v shows them)")
	}
}
