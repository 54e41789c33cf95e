package loop

import (
	"context"
	"time"

	"tenantry/reconcile"
)

// turn looks once, and does what there is to do.
func (l *Loop) turn(ctx context.Context, why string) {
	now := l.options.Now()
	whole := !now.Before(l.whole)
	err := l.look(ctx, whole)
	if err == nil {
		l.failures = 0
		l.answer(ctx)
		return
	}
	if ctx.Err() != nil {
		return
	}
	l.due = now.Add(l.jittered(backoff(l.failures)))
	l.failures++
	wrong, isWrong := l.options.Diagnosed(err)
	trouble := l.options.Redact(err.Error())
	if isWrong {
		trouble = "the files cannot be used as they are; see diagnostics"
		l.due = now.Add(l.options.Resync) // they have to change first
	}
	if before := l.Observation(); before.Trouble != trouble {
		l.options.Log.Error("a turn came to nothing", "why", why, "error", trouble)
		l.publish(func(o *Observation) { o.Trouble, o.Wrong = trouble, wrong })
		l.tell(EventLoop, map[string]string{"trouble": trouble})
	}
	l.refuse(err)
}

// look reads the world and brings about what it can: of all, or of what is due.
func (l *Loop) look(ctx context.Context, whole bool) error {
	w, err := l.source.Read(ctx, whole)
	if err != nil {
		return err
	}
	if w.Control != nil && !l.Observation().Leading {
		if err := l.join(ctx, w.Control); err != nil {
			return err
		}
	}
	few, next, gone := l.memory.due(w.Desired, l.options.Now())
	whole = whole || gone || len(few) > 0 && len(few) == len(w.Desired.Targets)
	l.publish(func(o *Observation) {
		o.World, o.Trouble, o.Wrong = w, "", nil
		o.Tenants = defined(o.Tenants, w)
	})
	switch {
	case whole:
		if err := l.bring(ctx, w, w.Desired); err != nil {
			return err
		}
		l.memory.forget(w.Desired)
		l.whole = l.options.Now().Add(l.jittered(l.options.Resync))
		_, next, _ = l.memory.due(w.Desired, l.options.Now())
	case len(few) > 0:
		if len(few) > most {
			few = few[:most]
			next = l.options.Now()
		}
		part := *w.Desired
		part.Targets, part.Partial = few, true
		if err := l.bring(ctx, w, &part); err != nil {
			return err
		}
		if _, after, _ := l.memory.due(w.Desired, l.options.Now()); next.IsZero() || !after.IsZero() && after.Before(next) {
			next = after
		}
	}
	l.due = l.whole
	if !next.IsZero() && next.Before(l.due) {
		l.due = next
	}
	return nil
}

// join takes part in the lease, which needs the control schema.
func (l *Loop) join(ctx context.Context, c Control) error {
	if !l.options.ReadOnly {
		if err := c.Prepare(ctx); err != nil {
			return err
		}
	}
	return l.hold(ctx, c)
}

// mayChange reports whether this loop is to bring about changes now.
func (l *Loop) mayChange() bool {
	o := l.Observation()
	paused := o.Pause != nil && l.options.Now().Before(o.Pause.Until)
	return o.Leading && !paused && !l.options.ReadOnly
}

// bring brings targets to what is desired, where this loop may, and looks at
// what has come of it.
func (l *Loop) bring(ctx context.Context, w *World, desired *reconcile.Desired) error {
	may := l.mayChange()
	var report *reconcile.Report
	if may {
		run := l.options.NewRun(desired.Revision)
		plan, err := l.planner(w).Plan(ctx, desired)
		if err != nil {
			return err
		}
		if report, err = l.apply(ctx, w, plan, run); err != nil {
			return err
		}
	}
	schemas, err := l.status(ctx, w, desired, report)
	if err != nil {
		return err
	}
	retry := func(s Schema) bool { return !may || s.Blocked == "" }
	l.memory.saw(desired, schemas, l.options.Now(), retry)
	return nil
}

func (l *Loop) planner(w *World) *reconcile.Planner {
	p := *w.Planner
	return &p
}

// apply carries a plan out. What is done is seen by others as it is done.
func (l *Loop) apply(ctx context.Context, w *World, plan *reconcile.Plan, run reconcile.Run) (*reconcile.Report, error) {
	a := w.Applier
	idle := !plan.Changes()
	total := plan.Summary.Create + plan.Summary.Change
	progress := Progress{RunID: run.ID, By: run.By, Started: run.Started, Phase: "applying", Total: total}
	if !idle {
		l.running(&progress)
		a.Progress = func(e reconcile.Event) { l.did(run, e) }
	}
	report, err := a.Apply(ctx, plan, run)
	if idle {
		return report, err
	}
	ended := progress
	ended.Phase, ended.Done = "finished", report.Count(reconcile.ResultApplied)
	if err != nil {
		ended.Error = l.options.Redact(err.Error())
	}
	l.publish(func(o *Observation) { o.Running, o.Last = nil, report })
	l.tell(EventRun, ended)
	l.options.Log.Info("run finished", "run", run.ID, "by", run.By, "applied", ended.Done, "failed", report.Count(reconcile.ResultFailed),
		"blocked", plan.Summary.Blocked, "duration", report.Duration)
	return report, err
}

func (l *Loop) running(p *Progress) {
	l.publish(func(o *Observation) { o.Running = p })
	l.tell(EventRun, *p)
}

// did notes that a run is done with a target. It is called from several
// goroutines.
func (l *Loop) did(run reconcile.Run, e reconcile.Event) {
	if e.Phase != reconcile.PhaseApplied {
		return
	}
	t, now := e.Target, l.options.Now()
	message := l.options.Redact(e.Outcome.Error)
	l.publish(func(o *Observation) {
		if o.Running != nil {
			p := *o.Running
			p.Done = max(p.Done, e.Done)
			o.Running = &p
		}
		if e.Outcome.Result == reconcile.ResultApplied && !t.Shared {
			s := Schema{TargetStatus: reconcile.TargetStatus{
				Tenant: t.Tenant, Database: t.Database, Schema: t.Schema, State: reconcile.StateInSync, AppliedAt: &now, AttemptedAt: &now, RunID: run.ID,
			}}
			o.Tenants = seen(o.Tenants, []Schema{s}, false)
		}
	})
	l.tell(EventTarget, targetEvent{
		RunID: run.ID, Tenant: t.Tenant, Shared: t.Shared, Database: t.Database, Schema: t.Schema, Outcome: string(e.Outcome.Result),
		Error: message, Duration: e.Outcome.Duration.Milliseconds(), Done: e.Done, Total: e.Total,
	})
	level := l.options.Log.Info
	if e.Outcome.Result == reconcile.ResultFailed {
		level = l.options.Log.Error
	}
	level("target", "run", run.ID, "tenant", t.Tenant, "database", t.Database, "schema", t.Schema, "outcome", e.Outcome.Result, "duration", e.Outcome.Duration, "error", message)
}

// status looks at the targets, publishes how they are, and returns that.
func (l *Loop) status(ctx context.Context, w *World, desired *reconcile.Desired, report *reconcile.Report) (map[reconcile.Key]Schema, error) {
	fleet, err := l.planner(w).Status(ctx, desired)
	if err != nil {
		return nil, err
	}
	blocked := blockedBy(report)
	of := make(map[reconcile.Key]Schema, len(fleet.Targets))
	var tenants, shared []Schema
	for _, t := range fleet.Targets {
		t.Error = l.options.Redact(t.Error)
		key := reconcile.Key{Database: t.Database, Schema: t.Schema}
		s := Schema{TargetStatus: t, Blocked: blocked[key]}
		of[key] = s
		if t.Shared {
			shared = append(shared, s)
		} else {
			tenants = append(tenants, s)
		}
	}
	l.publish(func(o *Observation) {
		o.Tenants = seen(o.Tenants, tenants, !desired.Partial)
		o.Shared = seen(o.Shared, shared, !desired.Partial)
		if !desired.Partial {
			o.Looked = l.options.Now()
		}
	})
	l.tell(EventFleet, l.Observation().Summary())
	return of, nil
}

// blockedBy says of the targets that may not change why.
func blockedBy(r *reconcile.Report) map[reconcile.Key]string {
	blocked := make(map[reconcile.Key]string)
	if r == nil {
		return blocked
	}
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		if t.Action != reconcile.ActionBlocked && r.Outcomes[i].Result != reconcile.ResultBlocked {
			continue
		}
		blocked[t.Key()] = string(t.Reason)
		if r.Outcomes[i].Error != "" {
			blocked[t.Key()] = r.Outcomes[i].Error
		}
	}
	return blocked
}

func (l *Loop) jittered(d time.Duration) time.Duration {
	if l.options.Jitter == nil {
		return d
	}
	return l.options.Jitter(d)
}
