package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"tenantry/reconcile"
	"tenantry/schema"
	"tenantry/state"
)

// resolve resolves the tenants' file as it is: what is desired of those that the
// command line selects. Where there are sources, those whom their rows name can
// only be selected once the rows are there, and until then all are.
func (w *world) resolve(complete bool) (err error) {
	targets, awaited := w.file.Targets(), []state.Target(nil)
	if complete || len(w.file.Sources) == 0 {
		if targets, awaited, err = w.app.selected(w.file); err != nil {
			return err
		}
	}
	w.places = make(map[string]state.Database)
	for _, d := range w.file.Places() {
		w.places[d.Name] = d
	}
	if w.desired, err = reconcile.Resolve(w.file, targets, w.project); err != nil {
		return err
	}
	if len(awaited) > 0 {
		others, err := reconcile.Resolve(w.file, awaited, w.project)
		if err != nil {
			return err
		}
		w.desired.Awaited = others.Targets
	}
	w.desired.Shard = w.app.options.shard
	w.app.override(w.desired)
	if !w.revised {
		w.revision, w.revised = revision(filepath.Dir(w.app.options.file)), true
	}
	w.desired.Revision = w.revision
	return nil
}

// names returns the databases that have targets or sources, and all that the
// file lists, where they are several: a tenant may be on record in one that it is
// to be in no more. They are sorted.
func (w *world) names() []string {
	names := make(map[string]bool)
	if len(w.file.Databases) > 1 {
		for name, d := range w.places {
			if !d.Each {
				names[name] = true
			}
		}
	}
	for _, name := range w.desired.Databases() {
		names[name] = true
	}
	for _, s := range w.listed.Sources {
		names[s.Database] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// withRows adds the tenants of the sources, whose databases must be open. What is
// wrong with rows is told, and they are left out.
func (w *world) withRows(ctx context.Context) error {
	if len(w.listed.Sources) == 0 {
		return nil
	}
	rows := make([][]state.Row, len(w.listed.Sources))
	for i, s := range w.listed.Sources {
		db, err := w.database(ctx, s.Database)
		var found []map[string]any
		if err == nil {
			found, err = db.Rows(ctx, s.Query)
		}
		if err != nil {
			return fmt.Errorf("the source at %s: %w", s.Pos, err)
		}
		for _, row := range found {
			rows[i] = append(rows[i], row)
		}
	}
	w.file, w.problems = w.listed.With(rows, w.definable())
	return w.resolve(true)
}

// definable returns what says whether a tenant could be defined. Tenants with the
// same services and variables are alike.
func (w *world) definable() func(state.Tenant) error {
	if w.alike == nil {
		w.alike = make(map[string]error)
	}
	return func(t state.Tenant) error {
		var key strings.Builder
		fmt.Fprintf(&key, "%q", t.Services)
		for _, name := range slices.Sorted(maps.Keys(t.Vars)) {
			fmt.Fprintf(&key, " %q=%q", name, t.Vars[name])
		}
		err, known := w.alike[key.String()]
		if !known {
			err = defined(w.listed, t, w.project)
			w.alike[key.String()] = err
		}
		return err
	}
}

// defined says what is wrong with what a tenant of the file would hold.
func defined(file *state.File, t state.Tenant, project *schema.Project) error {
	alone := *file
	alone.Tenants, alone.Sources = []state.Tenant{t}, nil
	d, err := reconcile.Resolve(&alone, alone.Targets(), project)
	if err != nil {
		return err
	}
	return d.Check()
}
