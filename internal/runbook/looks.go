package runbook

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"tenantry/internal/loop"
	"tenantry/internal/report"
	"tenantry/reconcile"
	"tenantry/schema"
)

// looks bounds how many requests ask a database at once, and for how long.
func (s *Server) looks(r *http.Request) (ctx context.Context, done func(), err error) {
	ctx, cancel := context.WithTimeout(r.Context(), s.Limits.Wait)
	select {
	case s.looking <- struct{}{}:
		return ctx, func() { <-s.looking; cancel() }, nil
	case <-ctx.Done():
		cancel()
		return nil, nil, loop.ErrBusy
	}
}

// world returns the world and, of it, one tenant.
func (s *Server) world(r *http.Request) (*loop.World, *reconcile.Desired, error) {
	w := s.Fleet.Observation().World
	if w == nil {
		return nil, nil, loop.ErrNotReady
	}
	d, err := desiredOf(w, r.PathValue("id"))
	if err != nil {
		return nil, nil, err
	}
	own := *d
	own.Targets = slices.DeleteFunc(slices.Clone(d.Targets), func(t reconcile.Target) bool { return t.Shared })
	return w, &own, nil
}

// lookingAt calls f with the world, and of it one tenant.
func (s *Server) lookingAt(r *http.Request, f func(context.Context, *loop.World, *reconcile.Desired) error) error {
	world, desired, err := s.world(r)
	if err != nil {
		return err
	}
	ctx, done, err := s.looks(r)
	if err != nil {
		return err
	}
	defer done()
	return f(ctx, world, desired)
}

// tenantDiff compares a tenant with its definition, object by object, as it is
// now.
func (s *Server) tenantDiff(w http.ResponseWriter, r *http.Request) error {
	return s.lookingAt(r, func(ctx context.Context, world *loop.World, desired *reconcile.Desired) error {
		explained, err := world.Planner.Explain(ctx, desired)
		if err != nil {
			return err
		}
		return answer(w, http.StatusOK, map[string]any{"schemas": explained})
	})
}

// tenantSQL shows the statements that would bring a tenant to its definition.
func (s *Server) tenantSQL(w http.ResponseWriter, r *http.Request) error {
	return s.lookingAt(r, func(ctx context.Context, world *loop.World, desired *reconcile.Desired) error {
		plan, err := world.Planner.Plan(ctx, desired)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/sql; charset=utf-8")
		return report.SQL(w, &reconcile.Report{Plan: plan, Started: s.Now()})
	})
}

// LiveSchema is what one live schema holds, in PostgreSQL's own words.
type LiveSchema struct {
	Database string     `json:"database"`
	Schema   string     `json:"schema"`
	Lines    []LiveLine `json:"lines"`
}

// LiveLine is one object.
type LiveLine struct {
	Kind       schema.Kind `json:"kind"`
	Table      string      `json:"table,omitempty"`
	Name       string      `json:"name"`
	Definition string      `json:"definition"`
}

// tenantStructure shows what a tenant's schemas hold now.
func (s *Server) tenantStructure(w http.ResponseWriter, r *http.Request) error {
	t, err := s.tenant(r)
	if err != nil {
		return err
	}
	schemas, err := s.Structure(r, t)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{"schemas": schemas})
}

// Structure reads what a tenant's schemas hold.
func (s *Server) Structure(r *http.Request, t *loop.Tenant) ([]LiveSchema, error) {
	world := s.Fleet.Observation().World
	ctx, done, err := s.looks(r)
	if err != nil {
		return nil, err
	}
	defer done()
	out := []LiveSchema{}
	for _, sc := range t.Schemas {
		db := world.Planner.Databases[sc.Database]
		if db == nil {
			continue
		}
		if err := db.Connect(ctx); err != nil {
			return nil, err
		}
		lines, err := db.Lines(ctx, sc.Schema)
		if err != nil {
			return nil, err
		}
		live := LiveSchema{Database: sc.Database, Schema: sc.Schema, Lines: []LiveLine{}}
		for _, l := range lines {
			live.Lines = append(live.Lines, LiveLine{l.Kind, l.Table, l.Name, l.Definition})
		}
		out = append(out, live)
	}
	return out, nil
}

// tenantHistory shows the last changes of a tenant, which need not be asked for
// any more.
func (s *Server) tenantHistory(w http.ResponseWriter, r *http.Request) error {
	limit, err := numberOf(r, "limit", 1, maxLimit, 20)
	if err != nil {
		return err
	}
	t, err := s.tenant(r)
	if err != nil {
		return err
	}
	changes, err := s.changes(r, t.ID, limit)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{"changes": changes})
}

// changes returns the last changes of a tenant, or with "" of all, the newest
// first.
func (s *Server) changes(r *http.Request, tenant string, limit int) ([]reconcile.PastChange, error) {
	ctx, done, err := s.looks(r)
	if err != nil {
		return nil, err
	}
	defer done()
	changes := []reconcile.PastChange{}
	var lost error
	for _, db := range databasesOf(s.Fleet.Observation().World) {
		of, err := db.Changes(ctx, tenant, limit)
		changes, lost = append(changes, of...), errors.Join(lost, err)
	}
	if len(changes) == 0 && lost != nil { // what other databases have to say is worth telling
		return nil, lost
	}
	slices.SortStableFunc(changes, func(a, b reconcile.PastChange) int { return b.Applied.Compare(a.Applied) })
	return changes[:min(limit, len(changes))], nil
}

// databasesOf returns the databases of the world, by name.
func databasesOf(w *loop.World) []reconcile.Database {
	var out []reconcile.Database
	for _, name := range w.Desired.Databases() {
		if db := w.Planner.Databases[name]; db != nil {
			out = append(out, db)
		}
	}
	return out
}

// after is time.After, for no longer than the server runs.
func (s *Server) after(d time.Duration) <-chan time.Time { return time.After(d) }
