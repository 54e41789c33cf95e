package main

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"

	"tenantry/internal/embedded"
	"tenantry/internal/postgres"
	"tenantry/internal/watch"
	"tenantry/state"
)

// A pool is a database that stays open from one cycle to the next.
type pool struct {
	*postgres.DB
	url         string
	parallelism int
	citus       state.Citus
}

// A session is what stays from one reading of the files to the next: the watch
// on them, and the databases that are open.
type session struct {
	app      *app
	files    *watch.Watcher
	inputs   []string                // what is watched
	pools    map[string]pool         // open databases, by name
	told     map[string]*postgres.DB // those that are known to be different ones
	embedded *embedded.Server        // once it was needed, until the end
	troubled bool                    // it was said that events do not come
	remote   bool                    // databases on other machines will do
	spare    int                     // connections to each database beside those of a run
}

func (a *app) newSession() session {
	options := watching
	options.Poll = a.options.poll
	return session{app: a, files: watch.New(options), pools: make(map[string]pool)}
}

// close lets go of the files, the databases and the embedded server.
func (s *session) close() error {
	for _, p := range s.pools {
		p.Close()
	}
	err := s.files.Close()
	if s.embedded != nil {
		err = errors.Join(err, s.embedded.Close())
	}
	return err
}

// load reads the files, and sees to it that all of them are watched. What had
// not been watched is read again: it may have changed in between. Where the
// files are broken, what was watched before still is, for nobody knows what they
// would have named.
func (s *session) load() (*world, error) {
	for {
		w, err := s.app.load()
		inputs := s.app.inputs(w)
		if err != nil {
			inputs = append(inputs, s.inputs...)
		}
		s.inputs = slices.Compact(slices.Sorted(slices.Values(inputs)))
		grown := s.files.Set(inputs)
		if trouble := s.files.Trouble(); trouble != nil && !s.troubled {
			s.troubled = true
			s.app.say("the system does not tell of changes (%s): looking every second", trouble)
		}
		if grown {
			continue
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
// ones. The others are closed. It reads the rows of sources, which may have
// targets in more databases.
func (s *session) connect(ctx context.Context, w *world) error {
	if err := s.app.openEngine(ctx); err != nil {
		return err
	}
	if err := s.openAll(ctx, w); err != nil {
		return err
	}
	if err := w.withRows(ctx); err != nil {
		return err
	}
	names := w.names()
	for name, p := range s.pools {
		if _, named := slices.BinarySearch(names, name); !named {
			p.Close()
			delete(s.pools, name)
		}
	}
	if err := s.openAll(ctx, w); err != nil {
		return err
	}
	return s.distinct(ctx, w)
}

// distinct refuses databases that two names reach, when the first turn comes in
// which all of them can be asked.
func (s *session) distinct(ctx context.Context, w *world) error {
	open := make(map[string]*postgres.DB, len(s.pools))
	for name, p := range s.pools {
		open[name] = p.DB
	}
	if maps.Equal(open, s.told) {
		return nil
	}
	all, err := w.distinct(ctx)
	if all {
		s.told = open
	}
	return err
}

func (s *session) openAll(ctx context.Context, w *world) error {
	urls, err := s.urls(ctx, w)
	if err != nil {
		return err
	}
	w.spare = s.spare
	for name, p := range s.pools {
		if url, there := urls[name]; there && p.url != url || p.parallelism != w.parallelism(name) || p.citus != w.places[name].Citus || w.unusable[name] != nil {
			p.Close()
			delete(s.pools, name)
		}
	}
	for _, name := range w.names() {
		if w.unusable[name] != nil {
			continue
		}
		if _, open := s.pools[name]; !open {
			db, err := w.open(ctx, name, urls[name])
			if err != nil {
				if err := w.without(name, err); err != nil {
					return err
				}
				continue
			}
			s.pools[name] = pool{DB: db, url: urls[name], parallelism: w.parallelism(name), citus: w.places[name].Citus}
		}
		w.databases[name] = s.pools[name].DB
	}
	return nil
}

// urls returns the URLs of the world's databases, which must be on this machine
// unless others are allowed. The embedded server is started where it is needed
// and does not run.
func (s *session) urls(ctx context.Context, w *world) (map[string]string, error) {
	if s.embedded != nil && s.embedded.PID() == 0 {
		if err := s.embedded.Close(); err != nil {
			return nil, err
		}
		s.embedded = nil
	}
	w.embedded = s.embedded
	defer func() { s.embedded = w.embedded }()
	urls := make(map[string]string)
	for _, name := range w.names() {
		url, err := w.url(ctx, name)
		if err != nil {
			if err := w.without(name, err); err != nil {
				return nil, err
			}
			continue
		}
		if host := postgres.RemoteHost(url); host != "" && !s.remote {
			return nil, usagef("database %s is on %s, not on this machine: --watch works there only with --remote", name, host)
		}
		urls[name] = url
	}
	return urls, nil
}
