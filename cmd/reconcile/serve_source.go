package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tenantry/internal/diag"
	"tenantry/internal/loop"
	"tenantry/internal/postgres"
	"tenantry/reconcile"
	"tenantry/state"
)

// source is where the loop of serve gets its world from: the files, read again
// when they change, the databases, which stay open, and the rows of sources,
// which are read each time.
type source struct {
	session
	options atomic.Pointer[state.Options] // what the tenants file's meaning depends on, for who edits it
	last    *world                        // what was read last; nil where all has to be read again
	text    []byte                        // of the tenants file then
	told    chan struct{}                 // rows may have changed; of capacity 1
	ears    map[string]ear                // who listens, by database
	control control
}

// An ear listens on the channels of one database.
type ear struct {
	database *postgres.DB
	channels string
	stop     context.CancelFunc
}

func (a *app) newSource() *source {
	return &source{session: a.newSession(), told: make(chan struct{}, 1), ears: make(map[string]ear)}
}

// close ends listening, and lets go of files and databases.
func (s *source) close() error {
	for _, e := range s.ears {
		e.stop()
	}
	return s.session.close()
}

// Read implements loop.Source.
func (s *source) Read(ctx context.Context, whole bool) (*loop.World, error) {
	w, err := s.world(whole)
	if err != nil {
		s.last = nil
		return nil, err
	}
	if err := s.connect(ctx, w); err != nil {
		return nil, err
	}
	s.listen(w)
	planner, policy := w.planner(nil), w.desired.Policy
	out := &loop.World{
		File: w.file, Desired: w.desired, Planner: planner, Resolve: w.resolveOther, Problems: reconcile.Diagnostics(redactedList(w.problems)),
		Applier: reconcile.Applier{
			Verifier:  verifier,
			Databases: planner.Databases, Engine: planner.Engine.Version(), Destructive: policy.Destructive, Parallelism: policy.Parallelism,
			LockTimeout: policy.LockTimeout, Limits: w.desired.Limits, MaxFailures: policy.MaxFailures, Waves: w.desired.Waves, Now: time.Now,
		},
	}
	if meet := w.meetingPlaces(); len(meet) > 0 {
		s.control.among(meet)
		out.Control = &s.control
	}
	return out, nil
}

// meetingPlaces returns the databases that replicas may meet in, by name. Where
// each tenant has one of its own, the first few will do.
func (w *world) meetingPlaces() (common []*postgres.DB) {
	var own []*postgres.DB
	for _, name := range w.names() {
		switch db := w.databases[name]; {
		case db == nil:
		case !w.places[name].Each:
			common = append(common, db)
		case len(own) < 3:
			own = append(own, db)
		}
	}
	if len(common) == 0 {
		return own
	}
	return common
}

// world reads the files: all of them, or, where only the tenants file may have
// changed, that one.
func (s *source) world(whole bool) (*world, error) {
	text, err := os.ReadFile(s.app.options.file)
	if s.last == nil || whole || err != nil {
		w, err := s.load()
		if err != nil {
			return nil, err
		}
		s.last, s.text = w, text
		s.options.Store(&state.Options{Services: w.project.Names(), CheckService: w.project.Check})
		return w, nil
	}
	w := *s.last
	w.databases, w.unusable = make(map[string]*postgres.DB), make(map[string]error)
	if !bytes.Equal(text, s.text) {
		if w.listed, err = state.Parse(w.app.options.file, text, w.stateOptions()); err != nil {
			return nil, err
		}
		w.revised = w.revision == "" // outside of a repository there is none to ask for again
	}
	w.file = w.listed
	if err := w.resolve(false); err != nil {
		return nil, err
	}
	s.last, s.text = &w, text
	return &w, nil
}

// Next implements loop.Source.
func (s *source) Next(ctx context.Context) (why string, err error) {
	waiting, cancel := context.WithCancel(ctx)
	var files sync.WaitGroup
	defer files.Wait()
	defer cancel()
	changes := make(chan string, 1)
	every := s.every()
	files.Go(func() {
		if change, ok := s.change(waiting); ok {
			changes <- change
		}
	})
	var poll <-chan time.Time
	if every > 0 {
		poll = time.After(every)
	}
	select {
	case why = <-changes:
		return why, nil
	case <-s.told:
		return "rows changed", nil
	case <-poll:
		return "it is time to look at the rows", nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// change waits for files to change otherwise than by what was read already, as
// the server's own edits are.
func (s *source) change(ctx context.Context) (string, bool) {
	for {
		change, err := s.files.Next(ctx)
		if err != nil {
			return "", false
		}
		text, err := os.ReadFile(s.app.options.file)
		if slices.Equal(change.Files, []string{s.app.options.file}) && err == nil && bytes.Equal(text, s.text) {
			continue
		}
		s.last = nil
		return change.String(), true
	}
}

// every is how often to look at the rows of sources, or 0 where there are none.
func (s *source) every() (soonest time.Duration) {
	if s.last == nil {
		return 0
	}
	for _, of := range s.last.listed.Sources {
		if soonest == 0 || of.Every < soonest {
			soonest = of.Every
		}
	}
	return soonest
}

// listen listens on the channels that the sources name.
func (s *source) listen(w *world) {
	channels := make(map[string][]string)
	for _, of := range w.listed.Sources {
		if of.Notify != "" && !slices.Contains(channels[of.Database], of.Notify) {
			channels[of.Database] = append(channels[of.Database], of.Notify)
		}
	}
	for name, e := range s.ears {
		if e.database != w.databases[name] || e.channels != strings.Join(channels[name], " ") {
			e.stop()
			delete(s.ears, name)
		}
	}
	for name, wanted := range channels {
		if w.databases[name] == nil {
			continue
		}
		if _, listening := s.ears[name]; listening {
			continue
		}
		ctx, stop := context.WithCancel(context.Background())
		s.ears[name] = ear{w.databases[name], strings.Join(wanted, " "), stop}
		go w.databases[name].Listen(ctx, wanted, s.tell, func(err error) {
			s.app.log.Warn("not told of changes of rows, which are looked at every now and then", "error", redacted(err.Error()))
		})
	}
}

// tell says that rows may have changed.
func (s *source) tell() {
	select {
	case s.told <- struct{}{}:
	default:
	}
}

// fileOptions returns what the tenants file's meaning depends on.
func (s *source) fileOptions() (state.Options, error) {
	if o := s.options.Load(); o != nil {
		return *o, nil
	}
	return state.Options{}, loop.ErrNotReady
}

// resolveOther returns what would be desired if the tenants file had been another.
func (w *world) resolveOther(file *state.File) (*reconcile.Desired, error) {
	d, err := reconcile.Resolve(file, file.Targets(), w.project)
	if err != nil {
		return nil, err
	}
	d.Policy, d.Revision = w.desired.Policy, w.desired.Revision
	return d, w.check(d)
}

// check checks the definitions, unless all of them were found to be sound before.
func (w *world) check(d *reconcile.Desired) error {
	sound := true
	for _, t := range d.Targets {
		_, known := w.checked.Load(t.Blueprint.Digest)
		sound = sound && known
	}
	if sound {
		return nil
	}
	if err := d.Check(); err != nil {
		return err
	}
	for _, t := range d.Targets {
		w.checked.Store(t.Blueprint.Digest, true)
	}
	return nil
}

// diagnosed returns what is wrong with the files, where an error says that.
func diagnosed(err error) ([]reconcile.Diagnostic, bool) {
	var wrong diag.List
	if !errors.As(err, &wrong) {
		return nil, false
	}
	return reconcile.Diagnostics(redactedList(wrong)), true
}
