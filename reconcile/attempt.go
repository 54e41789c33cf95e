package reconcile

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"tenantry/schema"
	"tenantry/state"
)

// A target that is busy is tried again, behind the others, before its failure
// counts: so often, and as long as another run is at work on it, for so long.
const (
	attempts = 12
	patience = 10 * time.Minute
)

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
		Keys:        step.keys,
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
	statements := a.steps[t.Step].Statements
	w.Statements = schema.WithNames(statements, n)
	if slices.ContainsFunc(statements, func(s schema.Statement) bool { return s.Named }) {
		w.Scope, w.Keys = nil, nil // it touches more than some relations
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
