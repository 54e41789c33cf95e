package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"tenantry/internal/diag"
	"tenantry/internal/embedded"
	"tenantry/internal/postgres"
	"tenantry/internal/report"
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
	case o.poll != 0 && o.poll < 10*time.Millisecond:
		return usagef("--poll must be at least 10ms")
	}
	return nil
}

// watch brings the databases to the files, and again whenever these change. It
// ends with the context, and without an error: a transaction that was going on
// then has been committed or has not.
func (a *app) watch(ctx context.Context) (err error) {
	options := watching
	options.Poll = a.options.poll
	l := &loop{app: a, files: watch.New(options), pools: make(map[string]pool)}
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

// A loop is a watch at work. It is level-triggered: what has begun a cycle says
// only that it is time for one, and every cycle reads all files and looks at all
// targets. What a cycle could not do, the next one does.
type loop struct {
	app      *app
	files    *watch.Watcher
	inputs   []string         // what is watched
	pools    map[string]pool  // open databases, by name
	embedded *embedded.Server // once it was needed, until the end
	begun    bool             // a cycle has got through
	failures int              // cycles since then that have not
	said     string           // what was said of the last of these
	troubled bool             // it was said that events do not come
	right    right            // the targets that were seen to be so
}

// A pool is a database that stays open from one cycle to the next.
type pool struct {
	*postgres.DB
	url         string
	parallelism int
}

// cycle does once what reconcile does. Where that is not all there is to do, it
// returns after how long to try again. An error ends the watch.
func (l *loop) cycle(ctx context.Context, trigger string) (again time.Duration, err error) {
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
func (l *loop) bring(ctx context.Context, trigger string) (left bool, err error) {
	w, err := l.load()
	if err != nil {
		return false, err
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
func (l *loop) carryOut(ctx context.Context, w *world) (*reconcile.Report, error) {
	r, err := l.app.carryOut(ctx, w)
	if r != nil {
		l.right = l.right.after(w.desired, r)
	}
	return r, err
}

// next waits for what begins the next cycle, which may be that time has passed.
func (l *loop) next(ctx context.Context, again time.Duration) (trigger string, err error) {
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

// load reads the files, and sees to it that all of them are watched. What had
// not been watched is read again: it may have changed in between. Where the
// files are broken, what was watched before still is, for nobody knows what they
// would have named.
func (l *loop) load() (*world, error) {
	for {
		w, err := l.app.load()
		inputs := l.app.inputs(w)
		if err != nil {
			inputs = append(inputs, l.inputs...)
		}
		l.inputs = inputs
		grown := l.files.Set(inputs)
		if trouble := l.files.Trouble(); trouble != nil && !l.troubled {
			l.troubled = true
			l.app.say("the system does not tell of changes (%s): looking every second", trouble)
		}
		if grown {
			continue
		}
		if err == nil && !l.app.options.allowDestructive {
			w.desired.Policy.Destructive = state.DestructiveDeny // a file half written is saved too
		}
		return w, err
	}
}

// inputs are the paths of all that a world is read from, there or not.
func (a *app) inputs(w *world) []string {
	paths := []string{a.options.file, a.projectPath()}
	if a.options.config == "" {
		paths = append(paths, "atlas.hcl", filepath.Join(filepath.Dir(a.options.file), "atlas.hcl"))
	}
	if a.options.databaseURLFile != "" {
		paths = append(paths, a.options.databaseURLFile)
	}
	if w.project != nil {
		for _, s := range w.project.Services {
			paths = append(paths, s.Paths...)
		}
	}
	if w.file != nil {
		for _, d := range w.file.Databases {
			if d.URLFile != "" {
				paths = append(paths, d.URLFile)
			}
		}
	}
	return paths
}

// connect gives the world its databases: those that are open already, and new
// ones. The others are closed.
func (l *loop) connect(ctx context.Context, w *world) error {
	urls, err := l.urls(ctx, w)
	if err != nil {
		return err
	}
	parallelism := w.desired.Policy.Parallelism
	for name, p := range l.pools {
		if p.url != urls[name] || p.parallelism != parallelism {
			p.Close()
			delete(l.pools, name)
		}
	}
	for _, name := range w.desired.Databases() {
		if _, open := l.pools[name]; !open {
			db, err := w.open(ctx, name, urls[name])
			if err != nil {
				return err
			}
			l.pools[name] = pool{DB: db, url: urls[name], parallelism: parallelism}
		}
		w.databases[name] = l.pools[name].DB
	}
	return nil
}

// urls returns the URLs of the world's databases, which must be on this machine
// unless others are allowed. The embedded server is started where it is needed
// and does not run.
func (l *loop) urls(ctx context.Context, w *world) (map[string]string, error) {
	if l.embedded != nil && l.embedded.PID() == 0 {
		if err := l.embedded.Close(); err != nil {
			return nil, err
		}
		l.embedded = nil
	}
	w.embedded = l.embedded
	defer func() { l.embedded = w.embedded }()
	urls := make(map[string]string)
	for _, name := range w.desired.Databases() {
		url, err := w.url(ctx, name)
		if err != nil {
			return nil, err
		}
		if host := postgres.RemoteHost(url); host != "" && !l.app.options.remote {
			return nil, usagef("database %s is on %s, not on this machine: --watch works there only with --remote", name, host)
		}
		urls[name] = url
	}
	return urls, nil
}

// show writes what came of a cycle: to stdout as text, or as one JSON document on
// a line, or as SQL.
func (l *loop) show(trigger string, r *reconcile.Report) error {
	if r == nil {
		return nil
	}
	a, head := l.app, now()+" "+redacted(trigger)
	if a.options.output == "text" {
		return written(report.Cycle(a.stdout, head, r, a.style()))
	}
	a.say("%s: %s", head, report.CycleLine(r))
	return l.document(r)
}

func (l *loop) document(r *reconcile.Report) error {
	var content bytes.Buffer
	if err := l.app.render(&content, l.app.options.output, r); err != nil {
		return err
	}
	if l.app.options.output == "json" {
		var line bytes.Buffer
		if err := json.Compact(&line, content.Bytes()); err != nil {
			return err
		}
		line.WriteByte('\n')
		content = line
	}
	_, err := l.app.stdout.Write(content.Bytes())
	return written(err)
}

// An outputError says that nobody reads what is written.
type outputError struct{ error }

func written(err error) error {
	if err == nil {
		return nil
	}
	return outputError{err}
}

// broken reports files that cannot be used. The databases stay as they are.
func (l *loop) broken(trigger string, wrong diag.List) error {
	a := l.app
	wrong = redactedList(wrong)
	l.begun, l.failures, l.said = true, 0, ""
	l.line(trigger, report.Count(len(wrong), "error")+"; nothing was touched")
	if err := report.Diagnostics(a.stderr, wrong, readRedacted, a.style()); err != nil || a.options.output != "json" {
		return err
	}
	return l.document(reportOf(wrong))
}

// failed reports, once, what kept a cycle from getting through, and returns
// after how long to try again.
func (l *loop) failed(trigger string, err error) time.Duration {
	if said := redacted(err.Error()); said != l.said {
		l.said = said
		l.line(trigger, said+"; trying again")
	}
	d := min(shortestWait<<min(l.failures, 10), longestWait)
	l.failures++
	return d*3/4 + rand.N(d/2) // others wait for the same database
}

// line writes the line of a cycle that has no report.
func (l *loop) line(trigger, words string) {
	line := now() + " " + redacted(trigger) + ": " + strings.ReplaceAll(words, "\n", " ")
	if l.app.options.output == "text" {
		fmt.Fprintln(l.app.stdout, line)
	} else {
		l.app.say("%s", line)
	}
}

// close lets go of the files, the databases and the embedded server.
func (l *loop) close() error {
	for _, p := range l.pools {
		p.Close()
	}
	err := l.files.Close()
	if l.embedded != nil {
		err = errors.Join(err, l.embedded.Close())
	}
	return err
}

func now() string { return time.Now().Format(time.TimeOnly) }
