package loop

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"tenantry/reconcile"
)

// turn looks once, and does what there is to do.
func (l *Loop) turn(ctx context.Context, why string) {
	now := l.options.Now()
	whole := !now.Before(l.whole)
	l.collect()
	looking, end := l.span(ctx, "turn", attribute.String("tenantry.why", l.options.Redact(why)), attribute.Bool("tenantry.whole", whole))
	err := l.look(looking, whole)
	end(err)
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
	few = slices.DeleteFunc(few, l.isAsked)
	whole = whole || gone || len(few) > 0 && len(few) == len(w.Desired.Targets)
	l.publish(func(o *Observation) {
		o.World, o.Trouble, o.Wrong = w, "", nil
		o.Tenants = defined(o.Tenants, w)
	})
	if whole {
		if err := l.bringAll(ctx, w); err != nil {
			return err
		}
		_, next, _ = l.memory.due(w.Desired, l.options.Now())
	} else if len(few) > 0 {
		if len(few) > most {
			few = few[:most]
			next = l.options.Now()
		}
		if err := l.bringFew(ctx, w, few); err != nil {
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

// bringAll brings the whole fleet to what is desired. Where the policy refuses
// that, because of what would go, the others are not kept waiting for whoever
// has to decide.
func (l *Loop) bringAll(ctx context.Context, w *World) error {
	refused, err := l.bring(ctx, w, w.Desired)
	if err != nil {
		return err
	}
	l.memory.forget(w.Desired)
	l.whole = l.options.Now().Add(l.jittered(l.options.Resync))
	if refused != l.Observation().Refused {
		l.publish(func(o *Observation) { o.Refused = refused })
		l.tell(EventLoop, map[string]string{"refused": refused})
	}
	if refused == "" {
		return nil
	}
	l.options.Log.Error("the policy refuses what the files ask for", "why", refused)
	var rest []reconcile.Target
	for _, t := range w.Desired.Targets {
		if !l.memory[t.Key].fine && !removes(&t) {
			rest = append(rest, t)
		}
	}
	return l.bringFew(ctx, w, rest)
}

// bringFew brings some targets to what is desired: those that are to go after
// the others, which they must not keep waiting.
func (l *Loop) bringFew(ctx context.Context, w *World, few []reconcile.Target) error {
	parts := make([][]reconcile.Target, 2)
	for _, t := range few {
		i := 0
		if removes(&t) {
			i = 1
		}
		parts[i] = append(parts[i], t)
	}
	for _, targets := range parts {
		if len(targets) == 0 {
			continue
		}
		part := *w.Desired
		part.Targets, part.Partial = targets, true
		if _, err := l.bring(ctx, w, &part); err != nil {
			return err
		}
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
// what has come of it. refused says why the policy did not want any of it.
func (l *Loop) bring(ctx context.Context, w *World, desired *reconcile.Desired) (refused string, err error) {
	may := l.mayChange()
	var report *reconcile.Report
	if may {
		run := l.options.NewRun(desired.Revision)
		planning, end := l.span(ctx, "plan", attribute.Int("tenantry.targets", len(desired.Targets)))
		plan, err := l.planner(w).Plan(planning, desired)
		end(err)
		if err != nil {
			return "", err
		}
		if report, err = l.apply(ctx, w, plan, run); err != nil {
			return "", err
		}
		refused = plan.Refused
	}
	schemas, err := l.status(ctx, w, desired, report)
	if err != nil {
		return "", err
	}
	retry := func(s Schema) bool { return !may || s.Blocked == "" }
	l.memory.saw(desired, schemas, l.options.Now(), retry)
	return refused, nil
}

func (l *Loop) planner(w *World) *reconcile.Planner {
	p := *w.Planner
	return &p
}

// apply carries a plan out. What is done is seen by others as it is done.
func (l *Loop) apply(ctx context.Context, w *World, plan *reconcile.Plan, run reconcile.Run) (*reconcile.Report, error) {
	a := w.Applier
	idle := plan.Refused != "" || !plan.Changes()
	total := plan.Summary.Create + plan.Summary.Change + plan.Summary.Retire + plan.Summary.Suspend
	progress := Progress{RunID: run.ID, By: run.By, Started: run.Started, Phase: "applying", Total: total}
	if !idle {
		l.running(&progress)
	}
	if idle {
		return a.Apply(ctx, plan, run)
	}
	ctx, end := l.span(ctx, "run", attribute.String("tenantry.run", run.ID), attribute.String("tenantry.by", run.By), attribute.Int("tenantry.targets", total))
	a.Progress = func(e reconcile.Event) { l.did(ctx, run, e) }
	report, err := a.Apply(ctx, plan, run)
	end(err)
	ended := progress
	ended.Phase, ended.Done, ended.Failed = "finished", report.Count(reconcile.ResultApplied), report.Count(reconcile.ResultFailed)
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
func (l *Loop) did(ctx context.Context, run reconcile.Run, e reconcile.Event) {
	if e.Phase == reconcile.PhaseRetrying {
		l.retried(run, e)
	}
	if e.Phase != reconcile.PhaseApplied {
		return
	}
	l.traceTarget(ctx, e)
	t, now := e.Target, l.options.Now()
	message := l.options.Redact(e.Outcome.Error)
	l.publish(func(o *Observation) {
		if o.Running != nil {
			p := *o.Running
			p.Done = max(p.Done, e.Done)
			o.Running = &p
		}
		if made := t.Action == reconcile.ActionCreate || t.Action == reconcile.ActionChange; made && e.Outcome.Result == reconcile.ResultApplied && !t.Shared {
			s := Schema{TargetStatus: reconcile.TargetStatus{
				Tenant: t.Tenant, Database: t.Database, Schema: t.Schema, State: reconcile.StateInSync, AppliedAt: &now, AttemptedAt: &now, RunID: run.ID,
			}}
			o.Tenants = seen(o.Tenants, []Schema{s}, false, nil)
		}
	})
	l.tell(EventTarget, TargetDone{
		RunID: run.ID, Tenant: t.Tenant, Shared: t.Shared, Database: t.Database, Schema: t.Schema, Outcome: string(e.Outcome.Result),
		Error: message, Duration: e.Outcome.Duration.Milliseconds(), Done: e.Done, Total: e.Total,
	})
	level := l.options.Log.Info
	if e.Outcome.Result == reconcile.ResultFailed {
		level = l.options.Log.Error
	}
	level("target", "run", run.ID, "tenant", t.Tenant, "database", t.Database, "schema", t.Schema, "outcome", e.Outcome.Result, "duration", e.Outcome.Duration, "error", message)
}

// retried tells that an attempt on a target is made again.
func (l *Loop) retried(run reconcile.Run, e reconcile.Event) {
	cause, message := "other", l.options.Redact(e.Outcome.Error)
	switch {
	case e.Outcome.Error == reconcile.ErrBusy.Error():
		cause = "busy"
	case strings.Contains(message, "[55P03]"): // lock_not_available
		cause = "lock"
	}
	l.tell(EventRetry, Retry{RunID: run.ID, Database: e.Database, Schema: e.Target.Schema, Cause: cause, Error: message})
	l.options.Log.Info("tried again", "run", run.ID, "tenant", e.Target.Tenant, "schema", e.Target.Schema, "cause", cause, "error", message)
}

// status looks at the targets, publishes how they are, and returns that.
func (l *Loop) status(ctx context.Context, w *World, desired *reconcile.Desired, report *reconcile.Report) (found, error) {
	fleet, err := l.planner(w).Status(ctx, desired)
	if err != nil {
		return nil, err
	}
	blocked := blockedBy(report)
	of := make(found, len(fleet.Targets))
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
		o.Tenants = seen(o.Tenants, tenants, !desired.Partial, desired.Targets)
		o.Shared = seen(o.Shared, shared, !desired.Partial, nil)
		if !desired.Partial {
			o.Looked = l.options.Now()
			if !slices.ContainsFunc(fleet.Targets, func(t reconcile.TargetStatus) bool {
				s := Schema{TargetStatus: t}
				return !s.ready() && t.State != reconcile.StateOrphaned
			}) {
				o.Fine = o.Looked
			}
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
