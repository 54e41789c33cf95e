package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tenantry/state"
)

// part is one database's part of an Apply.
type part struct {
	db      Database
	limits  state.Limits
	indexes []int // of its targets
	pending []int // those that something is to be done for
	opened  bool
	lost    atomic.Pointer[error] // why nothing can be done there any more, if so
}

// take takes the targets of a wave out of the pending ones.
func (p *part) take(plan *Plan, wave int) (now []int) {
	var later []int
	for _, i := range p.pending {
		if plan.Targets[i].Wave == wave {
			now = append(now, i)
		} else {
			later = append(later, i)
		}
	}
	p.pending = later
	return now
}

// all applies the plan: in each database its shared services, and then wave by
// wave, all databases at the same time.
func (a *applying) all(ctx context.Context) error {
	wrong := make([]error, len(a.parts))
	_ = a.each(func(p *part) (err error) {
		p.pending = a.settle(p.indexes)
		if reason := a.plan.lost[a.plan.Targets[p.indexes[0]].Database]; reason != nil {
			p.lost.Store(&reason)
			return nil
		}
		if p.opened, err = a.open(ctx, p.db, p.indexes, len(p.pending)); err != nil {
			wrong[slices.Index(a.parts, p)] = err
			a.lose(p, err)
			return nil
		}
		if err := a.await(ctx, p); err != nil {
			a.skip(p.pending, err.Error())
			p.pending = nil
		}
		return nil
	})
	if a.lostAll() {
		return errors.Join(wrong...)
	}
	a.waves(ctx)
	return a.each(func(p *part) error {
		if !p.opened || p.reason() != nil {
			return nil
		}
		return a.close(context.WithoutCancel(ctx), p.db, p.indexes)
	})
}

// lostAll reports whether nothing can be done in any database.
func (a *applying) lostAll() bool {
	return !slices.ContainsFunc(a.parts, func(p *part) bool { return p.reason() == nil })
}

// each does the same for each database, at the same time.
func (a *applying) each(f func(*part) error) error {
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, p := range a.parts {
		group.Go(func() error {
			defer p.db.Rest()
			return f(p)
		})
	}
	return group.Wait()
}

// waves has each wave done, and asks before the next whether it may begin. A
// wave that has nothing to do is asked too: it may be that an earlier run has
// stopped behind it.
func (a *applying) waves(ctx context.Context) {
	for wave := -1; wave <= a.last(); wave++ {
		a.limit = 0
		a.failed.Store(0)
		if wave >= 0 && wave < len(a.Waves) {
			a.limit = int64(a.Waves[wave].MaxFailures)
		}
		_ = a.each(func(p *part) error { // what fails is in the outcomes
			now := p.take(a.plan, wave)
			switch cause := a.sharedFailure(p.indexes); {
			case len(now) == 0:
			case p.reason() != nil:
				a.wave(ctx, p, now) // which fails them
			case a.stop != "":
				a.skip(now, a.stop)
			case wave >= 0 && cause != "":
				a.skip(now, cause)
			default:
				a.wave(ctx, p, now)
			}
			return nil
		})
		if a.limit > 0 && a.failed.Load() >= a.limit {
			a.stop = a.tooMany()
		}
		if wave >= 0 && wave < len(a.Waves) && wave < a.last() && a.stop == "" {
			a.between(ctx, wave)
		}
	}
}

// last returns the last wave in which something is still to be done, or -2.
func (a *applying) last() int {
	last := -2
	for _, p := range a.parts {
		for _, i := range p.pending {
			last = max(last, a.plan.Targets[i].Wave)
		}
	}
	return last
}

func (a *applying) skip(indexes []int, cause string) {
	for _, i := range indexes {
		a.finish(i, Outcome{Result: ResultSkipped, Error: cause})
	}
}

func (a *applying) tooMany() string {
	return fmt.Sprintf("%d of its wave have failed, which are max_failures of that wave", a.limit)
}

// between waits, where something of the wave was changed, and checks the wave's
// tenants.
func (a *applying) between(ctx context.Context, wave int) {
	w := a.Waves[wave]
	if w.Pause > 0 && a.changed(wave) && a.failures.Load() < int64(a.MaxFailures) {
		a.note(fmt.Sprintf("wave %d is through; the next begins in %s", wave+1, w.Pause))
		a.pause(ctx, w.Pause)
	}
	if w.Check == "" || ctx.Err() != nil {
		return
	}
	wrong := make([]string, len(a.plan.Targets))
	_ = a.each(func(p *part) error {
		if p.reason() != nil {
			return nil
		}
		var group errgroup.Group
		group.SetLimit(p.limits.Parallelism)
		for _, i := range p.indexes {
			if t := &a.plan.Targets[i]; t.Wave == wave && a.current(i) {
				group.Go(func() error {
					if err := p.db.Check(ctx, t.Names().Schema, w.Check); err != nil {
						wrong[i] = fmt.Sprintf("the check of wave %d does not hold for %s: %s", wave+1, t.Tenant, err)
					}
					return nil
				})
			}
		}
		return group.Wait()
	})
	for _, cause := range wrong {
		if cause != "" {
			a.stop = cause
			a.note(cause)
			return
		}
	}
}

// changed reports whether the run has changed a target of the wave.
func (a *applying) changed(wave int) bool {
	for i, o := range a.outcomes {
		if a.plan.Targets[i].Wave == wave && o.Result == ResultApplied {
			return true
		}
	}
	return false
}

// current reports whether a target is there and as it should be.
func (a *applying) current(i int) bool {
	t, o := &a.plan.Targets[i], a.outcomes[i].Result
	return !t.Shared && t.Action != ActionOrphaned && (o == ResultApplied && t.Action.migrates() || o == ResultUnchanged && t.live)
}

func (a *applying) note(text string) {
	if a.Progress != nil {
		a.Progress(Event{Phase: PhaseBetween, Note: text})
	}
}

func (a *applying) pause(ctx context.Context, d time.Duration) {
	if a.Pause != nil {
		a.Pause(ctx, d)
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
