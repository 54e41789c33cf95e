package reconcile

import (
	"fmt"

	"tenantry/state"
)

// manyGone is the share of the recorded targets, one in so many, that the file
// may have lost at once and be believed.
const manyGone = 10

// guard refuses a plan that does more than the policy wants done in one run. A
// file that a merge has cut in half is not what anybody meant.
func (p *Plan) guard(policy *state.Policy) {
	removals, gone, recorded, changes := 0, 0, 0, 0
	for i := range p.Targets {
		t := &p.Targets[i]
		if t.recorded && !t.Shared {
			recorded++
			gone += one(t.gone)
		}
		removals += one(t.Action == ActionRetire || t.Action == ActionRename)
		changes += one(t.Action.changes())
	}
	switch {
	case removals > policy.MaxRemovals:
		p.refuse(ReasonMaxRemovals, fmt.Sprintf("%d would be retired or renamed, and policy.max_removals is %d; allow it with --max-removals %d", removals, policy.MaxRemovals, removals))
	case gone > 1 && gone > policy.MaxRemovals && gone*manyGone >= recorded:
		p.refuse(ReasonMaxRemovals, fmt.Sprintf("%d of %d recorded schemas are gone from the file at once, and policy.max_removals is %d; is the file whole? If that is meant, allow it with --max-removals %d", gone, recorded, policy.MaxRemovals, gone))
	case policy.MaxChanges > 0 && changes > policy.MaxChanges:
		p.refuse(ReasonMaxChanges, fmt.Sprintf("%d schemas would be touched, and policy.max_changes is %d; allow it with --max-changes %d", changes, policy.MaxChanges, changes))
	}
}

// refuse blocks everything that the plan would do.
func (p *Plan) refuse(reason Reason, why string) {
	p.Refused = why
	for i := range p.Targets {
		t := &p.Targets[i]
		t.as, t.forget = nil, ""
		if t.Action.changes() {
			t.Action, t.Reason = ActionBlocked, reason
		}
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
