package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"tenantry/internal/diag"
	"tenantry/internal/embedded"
	"tenantry/internal/postgres"
	"tenantry/state"
)

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
