package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tenantry/schema"
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

// A target that is busy is tried again, behind the others, before its failure
// counts: so often, and as long as another run is at work on it, for so long.
const (
	attempts = 12
	patience = 10 * time.Minute
)

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
		return Outcome{Result: ResultFailed, Error: t.Diagnostics[0].Message}
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

// password finds what a role's password comes to, where it is to get one.
func (a *applying) password(ctx context.Context, w *Work, role *state.Role) (err error) {
	if role == nil {
		return nil
	}
	if a.Verifier == nil {
		return fmt.Errorf("the role %s has a password, and nobody can read it here", role.Name)
	}
	w.Verifier, err = a.Verifier(ctx, role)
	return err
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

// item is a target in the queue.
type item struct {
	met     bool // another run, at the last attempt
	index   int
	attempt int
	started time.Time
	pace    time.Duration // the longest wait before the next attempt
}

// wave applies the targets that share a turn, several at once. One that is busy
// goes behind the others.
func (a *applying) wave(ctx context.Context, p *part, indexes []int) {
	q := &queue{}
	for _, i := range indexes {
		q.items = append(q.items, item{index: i})
	}
	var workers sync.WaitGroup
	parallelism := p.limits.Parallelism
	if a.plan.Targets[indexes[0]].Shared {
		parallelism = 1 // one may refer to those before it
	}
	for range min(parallelism, len(indexes)) {
		workers.Go(func() {
			for it, more := q.take(); more; it, more = q.take() {
				done := a.attempt(ctx, p, &it)
				if !done {
					q.back(it)
				}
				if it.met {
					a.meet(ctx, p, q)
				}
			}
		})
	}
	workers.Wait()
}

// attempt tries a target once. It returns false where it is to be tried again.
func (a *applying) attempt(ctx context.Context, p *part, it *item) bool {
	if reason := p.reason(); reason != nil {
		a.finish(it.index, Outcome{Result: ResultFailed, Error: reason.Error()})
		return true
	}
	if ctx.Err() != nil || a.failures.Load() >= int64(a.MaxFailures) {
		a.finish(it.index, a.outcomes[it.index]) // skipped
		return true
	}
	if a.limit > 0 && a.failed.Load() >= a.limit {
		a.finish(it.index, Outcome{Result: ResultSkipped, Error: a.tooMany()})
		return true
	}
	if it.attempt > 0 && !wait(ctx, it.attempt, it.pace) {
		return true
	}
	if it.attempt == 0 {
		it.started = a.Now()
	}
	it.attempt++
	it.met = false
	t := &a.plan.Targets[it.index]
	step := a.steps[t.Step]
	w := Work{
		Run: a.run, Step: step.ID, Base: step.From, Token: t.token, To: step.To, Statements: step.Statements, LockTimeout: p.limits.LockTimeout,
		Target:      t.next,
		Lines:       step.lines,
		Goal:        step.goal,
		Files:       step.Files,
		History:     t.history,
		Names:       t.Names(),
		Again:       it.attempt > 1,
		OnlyIfEmpty: a.Destructive == state.DestructiveIfEmpty && step.Destructive(),
	}
	if t.settled && !step.Destructive() { // what destroys data is done to what has been looked at, all of it
		w.Scope = step.scope
	}
	a.name(&w, t)
	err := a.password(ctx, &w, t.login)
	if len(t.fails) > 0 {
		err = &WouldFailError{Key: t.Key(), Reasons: t.fails}
	} else if err == nil {
		err = p.db.ApplyStep(ctx, w)
	}
	it.met = errors.Is(err, ErrAlready) || errors.Is(err, ErrBusy)
	var notEmpty *NotEmptyError
	switch {
	case err == nil:
		a.finish(it.index, Outcome{Result: ResultApplied, Duration: a.Now().Sub(it.started)})
	case errors.Is(err, ErrAlready):
		a.finish(it.index, Outcome{Result: ResultUnchanged, Duration: a.Now().Sub(it.started)})
	case errors.As(err, &notEmpty):
		a.finish(it.index, Outcome{Result: ResultBlocked, Duration: a.Now().Sub(it.started), Error: err.Error()})
	case ctx.Err() != nil:
		a.finish(it.index, Outcome{Result: ResultSkipped, Duration: a.Now().Sub(it.started), Error: "the run was interrupted; nothing of it was applied here"})
	case errors.Is(err, ErrBusy) && a.Now().Sub(it.started) < patience:
		it.pace = 2 * time.Second
		a.retrying(t, err)
		return false
	case it.attempt < attempts && p.db.Retryable(err):
		it.pace = p.limits.LockTimeout
		a.retrying(t, err)
		return false
	case p.db.Gone(err):
		p.lost.CompareAndSwap(nil, &err)
		a.finish(it.index, Outcome{Result: ResultFailed, Duration: a.Now().Sub(it.started), Error: err.Error()})
	default:
		a.fail(ctx, p.db, it, w, err)
	}
	return true
}

// retrying tells that an attempt on a target is made again.
func (a *applying) retrying(t *PlannedTarget, err error) {
	if a.Progress != nil {
		a.Progress(Event{Phase: PhaseRetrying, Database: t.Database, Target: t, Outcome: &Outcome{Error: err.Error()}})
	}
}

// name puts names in place of the marks of a target's statements, and says what
// the schema is called before and after.
func (a *applying) name(w *Work, t *PlannedTarget) {
	n := t.Names()
	w.Target.Schema = n.Schema
	if n.From != n.Schema && w.Base != "" {
		w.At = n.From
	}
	if w.Target.State == StandingRetired {
		w.Target.RetiredAt = a.Now()
	}
	w.Statements = make([]schema.Statement, len(w.Statements))
	for i, s := range a.steps[t.Step].Statements {
		w.Statements[i] = s.With(n)
		if s.Named {
			w.Scope = nil // it touches more than some relations
		}
	}
}

func (a *applying) fail(ctx context.Context, db Database, it *item, w Work, err error) {
	a.failures.Add(1)
	a.failed.Add(1)
	cause := err.Error()
	r := w.Target
	r.Status = StatusFailed
	if w.At != "" {
		r.Schema = w.At // it is where it was
	}
	var stale *StaleError
	if errors.As(err, &stale) {
		// What another has done to it is for the next run to judge.
	} else if recording := db.RecordFailure(context.WithoutCancel(ctx), a.run, r, cause); recording != nil {
		cause += " (and the failure could not be recorded: " + recording.Error() + ")"
	}
	a.finish(it.index, Outcome{Result: ResultFailed, Duration: a.Now().Sub(it.started), Error: cause})
}

func (a *applying) finish(i int, o Outcome) {
	a.outcomes[i] = o
	if a.Progress != nil {
		t := &a.plan.Targets[i]
		total := a.plan.Summary.work()
		a.Progress(Event{Phase: PhaseApplied, Database: t.Database, Target: t, Outcome: &o, Done: int(a.done.Add(1)), Total: total})
	}
}

// wait sleeps before another attempt: longer each time up to the pace, and never
// quite as long as another process does.
func wait(ctx context.Context, attempt int, pace time.Duration) bool {
	d := max(50*time.Millisecond, min(50*time.Millisecond<<min(attempt, 10), pace))
	d += rand.N(d)
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
