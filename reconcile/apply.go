package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"tenantry/state"
)

// An Applier carries plans out.
type Applier struct {
	Databases   map[string]Database
	Engine      string // the engine's version, which compiled blueprints are stored under
	Destructive state.Destructive
	Parallelism int                     // targets at once per database
	LockTimeout time.Duration           // for each target
	Limits      map[string]state.Limits // of databases that have their own; may be nil
	MaxFailures int                     // stop beginning targets after so many failed
	Awaited     []Target                // shared services that another run brings about, and tenants wait for
	Wait        time.Duration           // for how long
	Waves       []state.Wave            // what is to be between them; may be nil
	Pause       func(ctx context.Context, d time.Duration)
	Progress    func(Event) // may be nil; called from several goroutines
	Now         func() time.Time
	// Verifier returns what PostgreSQL is to keep of the password of a role: never
	// the password itself. It may be nil where no role has one.
	Verifier func(ctx context.Context, role *state.Role) (string, error)
}

// Apply carries out a plan and says what came of it. One target's failure is
// that target's own; an error is only returned where nothing could be begun,
// with a report of what was done until then.
func (a *Applier) Apply(ctx context.Context, plan *Plan, run Run) (*Report, error) {
	run.PlanID = plan.ID
	if plan.Refused != "" {
		return refused(plan, run), nil
	}
	r := &Report{Plan: plan, RunID: run.ID, Outcomes: make([]Outcome, len(plan.Targets)), Started: run.Started}
	databases := make(map[string][]int)
	for i, t := range plan.Targets {
		databases[t.Database] = append(databases[t.Database], i)
		r.Outcomes[i] = Outcome{Result: ResultSkipped, Error: "the run was stopped before its turn"}
	}
	work := &applying{Applier: a, plan: plan, run: run, outcomes: r.Outcomes, steps: make(map[string]*Step)}
	for i := range plan.Steps {
		work.steps[plan.Steps[i].ID] = &plan.Steps[i]
	}
	for _, name := range slices.Sorted(maps.Keys(databases)) {
		work.parts = append(work.parts, &part{db: a.Databases[name], limits: a.limitsOf(name), indexes: databases[name]})
	}
	err := work.all(ctx)
	r.Duration = a.Now().Sub(run.Started)
	return r, err
}

// refused reports a plan of which nothing may run.
func refused(plan *Plan, run Run) *Report {
	r := &Report{Plan: plan, RunID: run.ID, Outcomes: make([]Outcome, len(plan.Targets)), Started: run.Started}
	for i := range plan.Targets {
		r.Outcomes[i] = settled(&plan.Targets[i])
	}
	return r
}

// settled is the outcome of a target that nothing is to be done for.
func settled(t *PlannedTarget) Outcome {
	switch {
	case t.Failed():
		return Outcome{Result: ResultFailed, Error: t.failure().Message}
	case t.Action == ActionBlocked:
		return Outcome{Result: ResultBlocked}
	}
	return Outcome{Result: ResultUnchanged}
}

// applying is one Apply.
type applying struct {
	*Applier
	plan     *Plan
	run      Run
	steps    map[string]*Step
	outcomes []Outcome // a slot for each target: no lock is needed
	parts    []*part   // by database
	failures atomic.Int64
	done     atomic.Int64

	limit  int64        // how many of the wave may fail, 0 for any number
	failed atomic.Int64 // how many of the wave have
	stop   string       // why no more waves are begun, or ""
}

// settle gives the targets that nothing is to be done for their outcome, and
// returns the others.
func (a *applying) settle(indexes []int) (pending []int) {
	for _, i := range indexes {
		if t := &a.plan.Targets[i]; t.Action.changes() && t.forget == "" && !t.Failed() {
			pending = append(pending, i)
		} else {
			a.outcomes[i] = settled(t)
		}
	}
	return pending
}

// open makes the control schema ready and records what is known already: the
// targets that are as they should be, and those that could not be planned.
// Where there is nothing to write, nothing is: a second run changes nothing at
// all.
func (a *applying) open(ctx context.Context, db Database, indexes []int, pending int) (opened bool, err error) {
	var records, failures []Record
	var forgotten []string
	var learned []Learned
	for _, i := range indexes {
		t := &a.plan.Targets[i]
		if len(t.learned) > 0 && t.Action == ActionNone {
			learned = append(learned, Learned{Target: Record{Tenant: t.Tenant, Schema: t.Names().From}, Names: t.Names(), Files: t.learned})
		}
		switch {
		case t.forget != "":
			forgotten = append(forgotten, t.forget)
		case t.as != nil:
			records = append(records, *t.as)
		case t.Failed():
			failures = append(failures, Record{Tenant: t.Tenant, Shared: t.Shared, Schema: t.Names().From, Status: StatusFailed, Error: a.outcomes[i].Error})
		}
	}
	if pending+len(records)+len(failures)+len(forgotten)+len(learned) == 0 {
		horizon := a.plan.horizons[db.Name()]
		if horizon == "" {
			return false, nil
		}
		if err := db.KeepHorizon(ctx, horizon); err != nil && !db.Gone(err) { // one that may only be read is as it should be all the same
			return false, err
		}
		return false, nil
	}
	if err := db.Prepare(ctx); err != nil {
		return false, err
	}
	if fresh := a.plan.compiled[db.Name()]; len(fresh) > 0 {
		if err := db.StoreCompiled(ctx, a.Engine, fresh); err != nil {
			return false, err
		}
	}
	if err := db.Begin(ctx, a.run); err != nil {
		return false, err
	}
	for _, r := range failures {
		if err := db.RecordFailure(ctx, a.run, r, r.Error); err != nil {
			return true, err
		}
	}
	if len(forgotten) > 0 {
		if err := db.Forget(ctx, a.run, forgotten); err != nil {
			return true, err
		}
		a.forgotten(indexes)
	}
	if len(learned) > 0 {
		if err := db.Learn(ctx, a.run, learned); err != nil {
			return true, err
		}
	}
	if len(records) == 0 {
		return true, nil
	}
	return true, db.Record(ctx, a.run, records)
}

// forgotten reports the targets whose record has gone.
func (a *applying) forgotten(indexes []int) {
	for _, i := range indexes {
		if a.plan.Targets[i].forget != "" {
			a.finish(i, Outcome{Result: ResultApplied})
		}
	}
}

// close makes sure of the grants, and records how the run ended here.
func (a *applying) close(ctx context.Context, db Database, indexes []int) error {
	if err := a.verifyGrants(ctx, db, indexes); err != nil {
		return err
	}
	outcome := "done"
	for _, i := range indexes {
		if result := a.outcomes[i].Result; result == ResultFailed || result == ResultSkipped {
			outcome = "failed"
		}
	}
	return db.End(ctx, a.run, outcome)
}

func (a *applying) sharedFailure(indexes []int) string {
	for _, i := range indexes {
		// A shared service that may not change is as it was, which tenants can do with.
		if t := &a.plan.Targets[i]; t.Shared && (a.outcomes[i].Result == ResultFailed || a.outcomes[i].Result == ResultSkipped) {
			return fmt.Sprintf("the shared service %q is not as it should be", t.Tenant)
		}
	}
	return ""
}
