package main

import (
	"context"
	"errors"
	"time"

	"tenantry/internal/diag"
	"tenantry/internal/loop"
	"tenantry/reconcile"
)

// source is where the loop of serve gets its world from: the files, read again
// when they change, and the databases, which stay open.
type source struct {
	session
	last *world
}

// Read implements loop.Source.
func (s *source) Read(ctx context.Context, whole bool) (*loop.World, error) {
	w, err := s.load()
	if err != nil {
		return nil, err
	}
	if err := s.connect(ctx, w); err != nil {
		return nil, err
	}
	s.last = w
	planner, policy := w.planner(nil), w.desired.Policy
	out := &loop.World{
		File: w.file, Desired: w.desired, Planner: planner,
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

// diagnosed returns what is wrong with the files, where an error says that.
func diagnosed(err error) ([]reconcile.Diagnostic, bool) {
	var wrong diag.List
	if !errors.As(err, &wrong) {
		return nil, false
	}
	return reconcile.Diagnostics(redactedList(wrong)), true
}
