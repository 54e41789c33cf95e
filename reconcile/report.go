package reconcile

import "time"

// Result is how one target's part of a run ended.
type Result string

const (
	ResultApplied   Result = "applied"   // it was changed, and is as it should be
	ResultUnchanged Result = "unchanged" // there was nothing to do
	ResultFailed    Result = "failed"    // it is as it was; the error says why
	ResultBlocked   Result = "blocked"   // it may not change; see its reason
	ResultSkipped   Result = "skipped"   // it was not begun: the run had stopped, or what it needs had failed
)

// An Outcome is how one target's part of a run ended.
type Outcome struct {
	Result   Result
	Duration time.Duration
	Error    string // in one line, for failed and skipped
}

// A Report is what came of a run: its plan and, where it was applied, the
// outcome of each of the plan's targets. Every renderer reads a Report.
type Report struct {
	Plan     *Plan
	RunID    string    // "" for a dry run
	Outcomes []Outcome // as Plan.Targets; nil for a dry run
	Started  time.Time
	Duration time.Duration
}

// DryRun reports whether nothing was to be applied.
func (r *Report) DryRun() bool { return r.Outcomes == nil }

// Count returns how many targets ended so.
func (r *Report) Count(result Result) int {
	n := 0
	for _, o := range r.Outcomes {
		if o.Result == result {
			n++
		}
	}
	return n
}

// Failed reports whether a target failed, or could not be planned.
func (r *Report) Failed() bool { return r.Plan.Summary.Failed > 0 || r.Count(ResultFailed) > 0 }

// Blocked reports whether a target may not become what it should be.
func (r *Report) Blocked() bool {
	return r.Plan.Refused != "" || r.Plan.Summary.Blocked > 0 || r.Plan.Summary.Unplanned > 0 || r.Count(ResultBlocked) > 0
}
