package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"tenantry/internal/diag"
	"tenantry/internal/loop"
	"tenantry/reconcile"
	"tenantry/state"
)

// source is where the loop of serve gets its world from: the files, read again
// when they change, and the databases, which stay open.
type source struct {
	session
	options atomic.Pointer[state.Options] // what the tenants file's meaning depends on, for who edits it
}

// Read implements loop.Source.
func (s *source) Read(ctx context.Context, whole bool) (*loop.World, error) {
	w, err := s.load()
	if err != nil {
		return nil, err
	}
	s.options.Store(&state.Options{Services: w.project.Names()})
	if err := s.connect(ctx, w); err != nil {
		return nil, err
	}
	planner, policy := w.planner(nil), w.desired.Policy
	out := &loop.World{
		File: w.file, Desired: w.desired, Planner: planner, Resolve: w.resolve,
		Applier: reconcile.Applier{
			Databases: planner.Databases, Engine: planner.Engine.Version(), Destructive: policy.Destructive, Parallelism: policy.Parallelism,
			LockTimeout: policy.LockTimeout, MaxFailures: policy.MaxFailures, Now: time.Now,
		},
	}
	if names := w.desired.Databases(); len(names) > 0 {
		out.Control = w.databases[names[0]]
	}
	return out, nil
}

// Next implements loop.Source.
func (s *source) Next(ctx context.Context) (why string, err error) {
	change, err := s.files.Next(ctx)
	return change.String(), err
}

// fileOptions returns what the tenants file's meaning depends on.
func (s *source) fileOptions() (state.Options, error) {
	if o := s.options.Load(); o != nil {
		return *o, nil
	}
	return state.Options{}, loop.ErrNotReady
}

// resolve returns what would be desired if the tenants file had been another.
func (w *world) resolve(file *state.File) (*reconcile.Desired, error) {
	d, err := reconcile.Resolve(file, file.Targets(), w.project)
	if err != nil {
		return nil, err
	}
	d.Policy, d.Revision = w.desired.Policy, w.desired.Revision
	return d, d.Check()
}

// diagnosed returns what is wrong with the files, where an error says that.
func diagnosed(err error) ([]reconcile.Diagnostic, bool) {
	var wrong diag.List
	if !errors.As(err, &wrong) {
		return nil, false
	}
	return reconcile.Diagnostics(redactedList(wrong)), true
}
