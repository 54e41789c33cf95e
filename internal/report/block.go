package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tenantry/internal/diag"
	"tenantry/reconcile"
)

// kind says where a block stands: what needs a person comes first.
type kind int

const (
	blocked kind = iota
	failed
	skipped
	create
	change
	nothing // not shown
)

// A block is the targets of which the same is to be said.
type block struct {
	kind    kind
	done    bool // of an apply, not of a dry run
	step    *reconcile.Step
	targets []*reconcile.PlannedTarget
	message string   // the error, or what a diagnostic says
	errors  []string // the message of each target, in its own words

	fastest, slowest time.Duration
}

func (b *block) first() *reconcile.PlannedTarget { return b.targets[0] }

// verb returns what is done to the targets.
func (b *block) verb() string {
	action := b.first().Action
	if b.first().Reason == reconcile.ReasonUnreachable {
		return "reach"
	}
	if action == reconcile.ActionBlocked {
		action = reconcile.ActionChange
		if b.step != nil && b.step.Action != "" {
			action = b.step.Action
		}
	}
	return string(action)
}

// blockKey is what targets must share to be in one block.
type blockKey struct {
	kind           kind
	step           string
	action, reason string
	shared         bool
	message, drift string
}

// blocksOf groups the targets of a report.
func blocksOf(r *reconcile.Report) []*block {
	steps := stepsOf(r.Plan)
	byKey := make(map[blockKey]*block)
	var blocks []*block
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		o := outcomeOf(r, i)
		k := kindOf(t, o)
		if k == nothing {
			continue
		}
		message := messageOf(t, o)
		key := blockKey{
			kind: k, step: t.Step, action: string(t.Action), reason: string(t.Reason), shared: t.Shared,
			message: anywhere(message, t), drift: strings.Join(t.Drift, "\n"),
		}
		if k == failed || k == skipped {
			key.step, key.reason, key.drift = "", "", "" // the error is what counts
		}
		b := byKey[key]
		if b == nil {
			b = &block{kind: k, done: !r.DryRun(), step: steps[t.Step], message: key.message}
			byKey[key] = b
			blocks = append(blocks, b)
		}
		b.add(t, o, message)
	}
	slices.SortStableFunc(blocks, func(a, b *block) int { return cmp.Compare(a.kind, b.kind) })
	return blocks
}

func (b *block) add(t *reconcile.PlannedTarget, o reconcile.Outcome, message string) {
	if len(b.targets) == 0 {
		b.fastest, b.slowest = o.Duration, o.Duration
	}
	b.targets, b.errors = append(b.targets, t), append(b.errors, message)
	b.fastest, b.slowest = min(b.fastest, o.Duration), max(b.slowest, o.Duration)
}

func stepsOf(p *reconcile.Plan) map[string]*reconcile.Step {
	steps := make(map[string]*reconcile.Step, len(p.Steps))
	for i := range p.Steps {
		steps[p.Steps[i].ID] = &p.Steps[i]
	}
	return steps
}

// outcomeOf returns the zero Outcome for a dry run.
func outcomeOf(r *reconcile.Report, i int) reconcile.Outcome {
	if i < len(r.Outcomes) {
		return r.Outcomes[i]
	}
	return reconcile.Outcome{}
}

func kindOf(t *reconcile.PlannedTarget, o reconcile.Outcome) kind {
	switch {
	case t.Action == reconcile.ActionOrphaned:
		return nothing
	case t.Failed() || o.Result == reconcile.ResultFailed:
		return failed
	case o.Result == reconcile.ResultUnchanged:
		return nothing
	case o.Result == reconcile.ResultSkipped:
		return skipped
	case t.Action == reconcile.ActionBlocked || o.Result == reconcile.ResultBlocked:
		return blocked
	case t.Action == reconcile.ActionCreate:
		return create
	case t.Action == reconcile.ActionNone || t.Action == "":
		return nothing
	}
	return change
}

// messageOf returns what went wrong with a target, or what the plan has to say
// about it.
func messageOf(t *reconcile.PlannedTarget, o reconcile.Outcome) string {
	if o.Error != "" && !t.Failed() {
		return strings.TrimPrefix(o.Error, t.Key().String()+": ")
	}
	for _, severity := range []diag.Severity{diag.Error, diag.Warning} {
		var words []string
		for _, d := range t.Diagnostics {
			if d.Severity != severity {
				continue
			}
			if d.Hint != "" {
				d.Message += " (" + d.Hint + ")"
			}
			words = append(words, d.Message)
		}
		if len(words) > 0 {
			return strings.Join(words, "\n")
		}
	}
	return ""
}
