package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tenantry/internal/diag"
	"tenantry/internal/embedded"
	"tenantry/internal/postgres"
	"tenantry/reconcile"
	"tenantry/schema"
	"tenantry/state"
)

// world is everything that the files and flags name.
type world struct {
	app       *app
	listed    *state.File // what the tenants file says by itself
	file      *state.File // with the tenants of its sources, once their rows were read
	project   *schema.Project
	desired   *reconcile.Desired
	databases map[string]*postgres.DB
	unusable  map[string]error // databases that there is no way to, by name
	places    map[string]state.Database
	embedded  *embedded.Server // where one was started
	spare     int              // connections to each database beside those of a run
	revision  string           // the git commit of the files, or ""
	revised   bool             // the revision is known
	checked   *sync.Map        // digests of blueprints that were found to be sound
	problems  diag.List        // rows of sources that are left out
	alike     map[string]error // what is wrong with tenants that have the same services and variables
}

// load reads the files and checks them, all of them, without a database. An
// error is a diag.List, beside a world of what could be read in spite of it.
func (a *app) load() (*world, error) {
	w := &world{app: a, databases: make(map[string]*postgres.DB), unusable: make(map[string]error), checked: new(sync.Map)}
	if err := w.read(); err != nil {
		return w, err
	}
	w.listed = w.file
	return w, w.resolve(false)
}

// read reads the tenants' file and the project's.
func (w *world) read() error {
	var diags diag.List
	var projectErr, err error
	read := schema.LoadProject
	if w.app.options.engine == engineCLI {
		read = schema.ReadProject
	}
	w.project, projectErr = read(w.app.projectPath(), os.Getenv)
	add(&diags, projectErr)
	w.file, err = state.Load(w.app.options.file, w.stateOptions())
	add(&diags, err)
	return diags.Err()
}

// stateOptions are what the tenants' file's meaning depends on.
func (w *world) stateOptions() state.Options {
	options := anyServices
	options.LookupEnv = os.LookupEnv
	if w.project != nil {
		options.Services, options.CheckService = w.project.Names(), w.project.Check
	}
	return options
}

func add(diags *diag.List, err error) {
	var list diag.List
	if errors.As(err, &list) {
		*diags = append(*diags, list...)
	} else if err != nil {
		diags.Errorf(diag.Pos{}, "unusable", "%s", err)
	}
}

// projectPath is atlas.hcl here, else beside the tenants file.
func (a *app) projectPath() string {
	if a.options.config != "" {
		return a.options.config
	}
	if _, err := os.Stat("atlas.hcl"); errors.Is(err, fs.ErrNotExist) {
		if beside := filepath.Join(filepath.Dir(a.options.file), "atlas.hcl"); exists(beside) {
			return beside
		}
	}
	return "atlas.hcl"
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (a *app) selected(file *state.File) (own, awaited []state.Target, err error) {
	selectors := make(map[string]string)
	for _, s := range a.options.selectors {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, nil, usagef("--selector %q is not of the form key=value", s)
		}
		selectors[key] = value
	}
	targets, err := state.Select(file.Targets(), a.options.tenants, a.options.excludes, selectors)
	if err != nil {
		return nil, nil, usageError{err}
	}
	shard, err := a.shard()
	if err != nil {
		return nil, nil, err
	}
	own, awaited = shard.Split(targets)
	return own, awaited, nil
}

// shard is the share of the tenants that was asked for.
func (a *app) shard() (state.Shard, error) {
	if a.options.shard == "" {
		return state.Shard{}, nil
	}
	shard, err := state.ParseShard(a.options.shard)
	if err != nil {
		return shard, usagef("--shard: %w", err)
	}
	return shard, nil
}

// override puts flags over the file's policy, and over what it says of single
// databases.
func (a *app) override(d *reconcile.Desired) {
	p := &d.Policy
	if a.options.parallelism > 0 {
		p.Parallelism = a.options.parallelism
	}
	if a.options.lockTimeout > 0 {
		p.LockTimeout = a.options.lockTimeout
	}
	for name, l := range d.Limits {
		if a.options.parallelism > 0 {
			l.Parallelism = 0
		}
		if a.options.lockTimeout > 0 {
			l.LockTimeout = 0
		}
		d.Limits[name] = l
	}
	if a.options.maxRemovals >= 0 {
		p.MaxRemovals = a.options.maxRemovals
	}
	if a.options.maxChanges > 0 {
		p.MaxChanges = a.options.maxChanges
	}
	if a.options.maxFailures > 0 {
		p.MaxFailures = a.options.maxFailures
	}
	if a.options.allowDestructive {
		p.Destructive = state.DestructiveAllow
	}
}

// revision is the git commit of a folder, else the one that CI says it runs for,
// or "" where neither is known.
func revision(dir string) string {
	if out, err := exec.Command("git", "-C", dir, "rev-parse", "HEAD").Output(); err == nil {
		return strings.TrimSpace(string(out))
	}
	for _, name := range []string{"GITHUB_SHA", "CI_COMMIT_SHA"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return ""
}

// inWorld runs f with the files read and the databases open.
func (a *app) inWorld(ctx context.Context, f func(*world) error) error {
	w, err := a.load()
	if err != nil {
		return err
	}
	return w.run(ctx, f)
}

// run runs f with the databases open.
func (w *world) run(ctx context.Context, f func(*world) error) (err error) {
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.connect(ctx); err != nil {
		return cmp.Or(w.desired.Check(), err) // what is wrong with the files is told first
	}
	err = f(w)
	if away(err) {
		err = cmp.Or(w.desired.Check(), err)
	}
	return err
}

// away reports whether the error says that a database was not reached.
func away(err error) bool {
	var of *postgres.Error
	return errors.As(err, &of) && of.Connecting
}

// planner returns the planner for this world.
func (w *world) planner(progress func(reconcile.Event)) *reconcile.Planner {
	databases := make(map[string]reconcile.Database)
	for name, db := range w.databases {
		databases[name] = db
	}
	for name, err := range w.unusable {
		databases[name] = reconcile.Unusable(name, err)
	}
	return &reconcile.Planner{
		Engine: w.app.tools.engine, Databases: databases, Own: w.ownOf(), ToolVersion: version(), Nonce: nonce, Progress: progress,
		AllowDestructive: w.desired.Policy.Destructive == state.DestructiveAllow,
		Adopt:            w.app.options.adopt,
		Repair:           w.app.options.repair,
		Workbench: func(ctx context.Context, db reconcile.Database, dev string) (schema.Workbench, error) {
			if dev == "" {
				return db.Workbench(ctx)
			}
			return w.databases[db.Name()].DevWorkbench(ctx, dev)
		},
	}
}

// ownOf returns the Own of a planner.
func (w *world) ownOf() func(context.Context, []*reconcile.Target, func(reconcile.Database, ...string) error) error {
	others := sync.OnceValue(w.file.Others)
	return func(ctx context.Context, targets []*reconcile.Target, look func(reconcile.Database, ...string) error) error {
		var places []state.Database
		tenants := make(map[string][]string)
		for _, t := range targets {
			for _, id := range []string{t.Tenant, t.Was} {
				if id == "" {
					continue
				}
				for _, place := range others()(id, t.Database) {
					if tenants[place.URL] == nil {
						places = append(places, place)
					}
					tenants[place.URL] = append(tenants[place.URL], id)
				}
			}
		}
		urls := make([]string, len(places))
		for i, place := range places {
			urls[i] = place.URL
		}
		exist, errs := postgres.Exist(ctx, urls)
		for i, place := range places {
			if err := w.lookInto(ctx, place, exist[i], errs[i], func(db reconcile.Database) error { return look(db, tenants[place.URL]...) }); err != nil {
				return err
			}
		}
		return nil
	}
}

// lookInto opens a database that is not one of the world's for as long as f looks,
// where it exists or nobody knows.
func (w *world) lookInto(ctx context.Context, place state.Database, exists bool, trouble error, f func(reconcile.Database) error) error {
	switch {
	case trouble != nil:
		return f(reconcile.Unusable(place.Name, fmt.Errorf("database %s: %w", place.Name, trouble)))
	case !exists:
		return nil
	}
	db, err := postgres.NewEach(ctx, place.Name, place.URL, 1)
	if err != nil {
		return f(reconcile.Unusable(place.Name, err))
	}
	defer db.Close()
	return f(db)
}

func nonce() string {
	b := make([]byte, 6)
	rand.Read(b) // it never fails: https://pkg.go.dev/crypto/rand#Read
	return hex.EncodeToString(b)
}

// newRun names a run: by its time, for people, and a nonce.
func newRun(revision string) reconcile.Run {
	now := time.Now()
	return reconcile.Run{ID: now.UTC().Format("20060102T150405Z") + "-" + nonce()[:6], Started: now, Revision: revision, By: runBy()}
}

// runBy says who runs this: CI's own word, else the user.
func runBy() string {
	for _, name := range []string{"GITHUB_ACTOR", "GITLAB_USER_LOGIN"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
