package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"tenantry/internal/diag"
	"tenantry/internal/postgres"
	"tenantry/internal/watch"
	"tenantry/reconcile"
	"tenantry/state"
)

// watching says how long a watch waits for what.
var watching = watch.Options{
	Rest: 200 * time.Millisecond, AtMost: 10 * time.Second, Reread: 3 * time.Minute,
	Match: func(name string) bool { return filepath.Ext(name) == ".hcl" || filepath.Ext(name) == ".sql" },
}

// A database that is away is tried again after the shortest wait, then after
// twice as long each time.
const (
	shortestWait = 500 * time.Millisecond
	longestWait  = 30 * time.Second
)

func (a *app) watchFlags(f *pflag.FlagSet) {
	o := &a.options
	f.BoolVar(&o.watch, "watch", false, "apply, then again whenever a file that was read changes; until Ctrl-C.\n"+
		"What destroys data needs --allow-destructive, whatever policy.destructive says.\n"+
		"With --dry-run only show. Not with --write: -o json gives a document a line")
	f.BoolVar(&o.remote, "remote", false, "let --watch work on databases that are not on this machine")
	f.DurationVar(&o.poll, "poll", 0, "let --watch look so often, where the file system does not tell of changes")
}

// checkWatch checks the flags that have to do with a watch.
func (a *app) checkWatch() error {
	o := a.options
	switch {
	case !o.watch && (o.remote || o.poll != 0):
		return usagef("--remote and --poll are for --watch")
	case !o.watch:
		return nil
	case len(o.write) > 0:
		return usagef("--write keeps one result and --watch has many: -o json writes a document a line to stdout")
	case o.detailed:
		return usagef("--detailed-exitcode says how a run ends, and --watch does not end")
	case o.output == "markdown" || o.output == "sarif":
		return usagef("--output %s is for one result and --watch has many: it writes text, json or sql", o.output)
	case o.poll != 0 && o.poll < 10*time.Millisecond:
		return usagef("--poll must be at least 10ms")
	}
	return nil
}

// watch brings the databases to the files, and again whenever these change. It
// ends with the context, and without an error: a transaction that was going on
// then has been committed or has not.
func (a *app) watch(ctx context.Context) (err error) {
	l := &watchLoop{session: a.newSession()}
	l.remote = a.options.remote
	defer func() { err = errors.Join(err, l.close()) }()
	for trigger := "started"; ; {
		again, err := l.cycle(ctx, trigger)
		if err == nil {
			trigger, err = l.next(ctx, again)
		}
		switch {
		case ctx.Err() != nil:
			a.say("%s stopped", now())
			return nil
		case err != nil:
			return err
		}
	}
}

// A watchLoop is a watch at work. It is level-triggered: what has begun a cycle says
// only that it is time for one, and every cycle reads all files and looks at all
// targets. What a cycle could not do, the next one does.
type watchLoop struct {
	session
	begun    bool   // a cycle has got through
	failures int    // cycles since then that have not
	said     string // what was said of the last of these
	right    right  // the targets that were seen to be so
}

// cycle does once what reconcile does. Where that is not all there is to do, it
// returns after how long to try again. An error ends the watch.
func (l *watchLoop) cycle(ctx context.Context, trigger string) (again time.Duration, err error) {
	left, err := l.bring(ctx, trigger)
	var wrong diag.List
	var output outputError
	switch {
	case ctx.Err() != nil:
		return 0, nil
	case errors.As(err, &output):
		return 0, err
	case errors.As(err, &wrong):
		return 0, l.broken(trigger, wrong)
	case err != nil && !l.begun && !postgres.Retryable(err):
		return 0, err
	case err != nil:
		return l.failed(trigger, err), nil
	}
	l.begun, l.failures, l.said = true, 0, ""
	if left {
		again = watching.Reread
	}
	return again, nil
}

// bring brings the databases to the files: of a large fleet the few targets that
// the files now define otherwise first, then all. It reports whether some are
// still to be done.
func (l *watchLoop) bring(ctx context.Context, trigger string) (left bool, err error) {
	w, err := l.load()
	if err != nil {
		return false, err
	}
	if !l.app.options.allowDestructive {
		w.desired.Policy.Destructive = state.DestructiveDeny // a file half written is saved too
	}
	if err := l.connect(ctx, w); err != nil {
		return false, err
	}
	few := l.right.otherwise(w.desired)
	if few != nil {
		part := *w
		part.desired = few
		r, err := l.carryOut(ctx, &part)
		if err := errors.Join(err, l.show(trigger, r)); err != nil || unfinished(r) {
			return true, err // what has failed just now is not tried again at once
		}
	}
	l.right = nil
	r, err := l.carryOut(ctx, w)
	if r != nil && (few == nil || more(r, few)) {
		err = errors.Join(err, l.show(trigger, r))
	}
	return r != nil && unfinished(r), err
}

func unfinished(r *reconcile.Report) bool {
	return r.Failed() || r.Count(reconcile.ResultSkipped) > 0
}

// carryOut remembers which targets are right then.
func (l *watchLoop) carryOut(ctx context.Context, w *world) (*reconcile.Report, error) {
	r, err := l.app.carryOut(ctx, w, nil)
	if r != nil {
		l.right = l.right.after(w.desired, r)
	}
	return r, err
}

// next waits for what begins the next cycle, which may be that time has passed.
func (l *watchLoop) next(ctx context.Context, again time.Duration) (trigger string, err error) {
	waiting := ctx
	if again > 0 {
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(ctx, again)
		defer cancel()
	}
	change, err := l.files.Next(waiting)
	if err != nil {
		return "tried again", ctx.Err()
	}
	return change.String(), nil
}

// failed reports, once, what kept a cycle from getting through, and returns
// after how long to try again.
func (l *watchLoop) failed(trigger string, err error) time.Duration {
	if said := redacted(err.Error()); said != l.said {
		l.said = said
		l.line(trigger, said+"; trying again")
	}
	d := min(shortestWait<<min(l.failures, 10), longestWait)
	l.failures++
	return d*3/4 + rand.N(d/2) // others wait for the same database
}
