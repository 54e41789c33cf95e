package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
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

// connect opens the databases, and reads the rows of sources, which may have
// targets in more. Whether a database can be reached shows when it is asked.
func (w *world) connect(ctx context.Context) error {
	if err := w.app.openEngine(ctx); err != nil {
		return err
	}
	if err := w.openAll(ctx); err != nil {
		return err
	}
	if err := w.withRows(ctx); err != nil {
		return err
	}
	if err := w.openAll(ctx); err != nil {
		return err
	}
	_, err := w.distinct(ctx)
	return err
}

// distinct refuses databases that two names reach: each would be kept equal to
// what only a part of the tenants is. Those that cannot be reached are in nobody's
// way; all is false where there are some.
func (w *world) distinct(ctx context.Context) (all bool, err error) {
	var reached []*postgres.DB
	var mu sync.Mutex
	var asking sync.WaitGroup
	if len(w.databases) < 2 {
		return true, nil
	}
	asked := 0
	for name, db := range w.databases {
		if w.places[name].Each { // which differ by what they are for
			continue
		}
		asked++
		asking.Go(func() {
			if db.Connect(ctx) == nil {
				mu.Lock()
				defer mu.Unlock()
				reached = append(reached, db)
			}
		})
	}
	asking.Wait()
	slices.SortFunc(reached, func(a, b *postgres.DB) int { return cmp.Compare(a.Name(), b.Name()) })
	first, second, same := postgres.Same(ctx, reached, randomKey())
	if !same {
		return len(reached) == asked, nil
	}
	var wrong diag.List
	wrong.Errorf(w.databasePos(reached[second].Name()), "same-database", "the databases %s and %s are one and the same", reached[first].Name(), reached[second].Name())
	wrong.Hintf("remove one of them, and write the other's name in its place")
	return false, wrong.Err()
}

// databasePos returns where the file describes a database.
func (w *world) databasePos(name string) diag.Pos {
	for _, d := range w.file.Databases {
		if d.Name == name {
			return d.Pos
		}
	}
	return diag.Pos{File: w.app.options.file}
}

// randomKey returns a number that nobody else comes to.
func randomKey() int64 {
	var b [8]byte
	rand.Read(b[:]) // it never fails
	return int64(binary.BigEndian.Uint64(b[:]) >> 2)
}

// openAll opens the databases that are not open yet.
func (w *world) openAll(ctx context.Context) error {
	for _, name := range w.names() {
		if w.databases[name] != nil {
			continue
		}
		url, err := w.url(ctx, name)
		if err == nil {
			w.databases[name], err = w.open(ctx, name, url)
		}
		if err := w.without(name, err); err != nil {
			return err
		}
	}
	return nil
}

// without notes that there is no way to a database, which is its own tenants'
// trouble. An error that is all tenants' is returned.
func (w *world) without(name string, err error) error {
	var own *locationError
	if !errors.As(err, &own) {
		return err
	}
	delete(w.databases, name)
	w.unusable[name] = own.error
	return nil
}

// A locationError says that where a database is cannot be read.
type locationError struct{ error }

func (e *locationError) Unwrap() error { return e.error }

// open opens one database, which need not be there.
func (w *world) open(ctx context.Context, name, url string) (*postgres.DB, error) {
	err := checkURL(name, url)
	if err != nil {
		return nil, &locationError{err}
	}
	open := postgres.New
	if w.places[name].Each {
		open = postgres.NewEach
	}
	db, err := open(ctx, name, url, w.parallelism(name)+1+w.spare)
	if err != nil {
		return nil, &locationError{err}
	}
	if c := w.places[name].Citus; c.Distributed {
		db.AskCitus(c.Convert)
	}
	return db, nil
}

// parallelism is how many targets of a database are worked on at once.
func (w *world) parallelism(name string) int {
	return cmp.Or(w.desired.Limits[name].Parallelism, w.desired.Policy.Parallelism)
}

// database returns a database that is connected to.
func (w *world) database(ctx context.Context, name string) (*postgres.DB, error) {
	if err := w.unusable[name]; err != nil {
		return nil, err
	}
	return w.databases[name], w.databases[name].Connect(ctx)
}

// url finds the URL of a database: for main by flag first, then the file, then
// $DATABASE_URL, then atlas.hcl; else it is the embedded one.
func (w *world) url(ctx context.Context, name string) (string, error) {
	o := w.app.options
	main := name == state.DefaultDatabase
	switch {
	case main && o.embedded:
		return w.startEmbedded(ctx)
	case main && o.databaseURL != "":
		return o.databaseURL, nil
	case main && o.databaseURLFile != "":
		return readURL(name, o.databaseURLFile)
	}
	switch d := w.places[name]; {
	case d.URL != "":
		return strings.TrimSpace(d.URL), nil
	case d.URLFile != "":
		return readURL(name, d.URLFile)
	case d.Each:
		return "", &locationError{fmt.Errorf("database %s: its tenant lacks a label that its url asks for", name)}
	}
	if url := strings.TrimSpace(os.Getenv("DATABASE_URL")); url != "" {
		return url, nil
	}
	for _, s := range w.project.Services {
		if s.URL != "" {
			return s.URL, nil
		}
	}
	if os.Getenv("CI") != "" {
		return "", hinted{errors.New("no database is configured"), "set $DATABASE_URL or --database-url; with $CI set, the embedded PostgreSQL must be asked for with --embedded"}
	}
	return w.startEmbedded(ctx)
}

func readURL(name, path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", &locationError{fmt.Errorf("database %s: cannot read the file with its URL: %w", name, err)}
	}
	return strings.TrimSpace(string(content)), nil
}

func (w *world) startEmbedded(ctx context.Context) (string, error) {
	if w.embedded == nil {
		if err := w.desired.Check(); err != nil {
			return "", err
		}
		server, err := w.app.startEmbedded(ctx)
		if err != nil {
			return "", err
		}
		w.embedded = server
	}
	return w.embedded.URL(), nil
}

func (a *app) startEmbedded(ctx context.Context) (*embedded.Server, error) {
	server, err := embedded.Start(ctx, embedded.Options{Dir: filepath.Join(filepath.Dir(a.options.file), ".tenantry"), Log: a.say})
	if err != nil && ctx.Err() == nil {
		return nil, hinted{err, "it is used where no database is named; --database-url, $DATABASE_URL or databases in the tenants file name one"}
	}
	return server, err
}

// close lets go of the databases, and stops the embedded one if nobody else
// uses it.
func (w *world) close() error {
	for _, db := range w.databases {
		db.Close()
	}
	if w.embedded != nil {
		return w.embedded.Close()
	}
	return nil
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
