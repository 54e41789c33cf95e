package main

import (
	"context"
	"path/filepath"
	"slices"

	"tenantry/internal/postgres"
	"tenantry/state"
)

// A pool is a database that stays open from one cycle to the next.
type pool struct {
	*postgres.DB
	url         string
	parallelism int
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
		l.inputs = slices.Compact(slices.Sorted(slices.Values(inputs)))
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
