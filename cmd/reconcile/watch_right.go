package main

import (
	"maps"

	"tenantry/reconcile"
)

// right holds the targets that were last seen to be as they should, with the
// digest of the blueprint that they were to be like.
type right map[reconcile.Key]string

// A fleet of so many targets takes time to look at, and is not looked at before
// the few that a file defines otherwise, where they are so few of it.
const (
	largeFleet = 100
	fewOf      = 10
)

// otherwise returns what is desired of the few targets that are not right as the
// files define them now, or nil where it is no gain to take them first.
func (known right) otherwise(desired *reconcile.Desired) *reconcile.Desired {
	few := *desired
	few.Targets, few.Partial = nil, true
	there := 0
	for _, t := range desired.Targets {
		digest, ok := known[t.Key]
		if ok {
			there++
		}
		if digest != t.Blueprint.Digest {
			few.Targets = append(few.Targets, t)
		}
	}
	n, all := len(few.Targets), len(desired.Targets)
	if orphans := there < len(known); orphans || n == 0 || all < largeFleet || n*fewOf > all {
		return nil // only a run of all shows orphans
	}
	return &few
}

// after returns what is right after a run, beside what else was known to be.
func (known right) after(desired *reconcile.Desired, r *reconcile.Report) right {
	now := make(right)
	maps.Copy(now, known)
	digests := make(right)
	for _, t := range desired.Targets {
		digests[t.Key] = t.Blueprint.Digest
	}
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		fine := t.Action == reconcile.ActionNone && !t.Failed()
		if !r.DryRun() {
			fine = r.Outcomes[i].Result == reconcile.ResultApplied || fine && r.Outcomes[i].Result == reconcile.ResultUnchanged
		}
		delete(now, t.Key())
		if digest, wanted := digests[t.Key()]; wanted && fine {
			now[t.Key()] = digest
		}
	}
	return now
}

// more reports whether a run of all had to do something besides the few that
// went before it.
func more(r *reconcile.Report, few *reconcile.Desired) bool {
	before := make(map[reconcile.Key]bool)
	for _, t := range few.Targets {
		before[t.Key] = true
	}
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		idle := t.Action == reconcile.ActionNone && !t.Failed() || t.Action == reconcile.ActionOrphaned
		if !idle && !before[t.Key()] {
			return true
		}
	}
	return false
}
