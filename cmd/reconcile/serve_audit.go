package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"tenantry/internal/loop"
	"tenantry/internal/postgres"
	"tenantry/internal/runbook"
)

// audit keeps the record of writes in the database where replicas meet.
type audit struct {
	loop *loop.Loop
	last atomic.Int64
	open sync.Map // by a number of its own: the entries that are not closed
}

// An entry is one in a database.
type entry struct {
	db *postgres.DB
	id int64
}

// control returns where replicas meet, once that is known.
func (a *audit) control() (*control, error) {
	w := a.loop.Observation().World
	if w == nil || w.Control == nil {
		return nil, loop.ErrNotReady
	}
	return w.Control.(*control), nil // source.Read put it there
}

// Record implements runbook.Audit.
func (a *audit) Record(ctx context.Context, e runbook.AuditEntry) (number int64, err error) {
	c, err := a.control()
	if err != nil {
		return 0, err
	}
	err = c.first(ctx, func(db *postgres.DB) error {
		id, err := db.RecordAudit(ctx, postgres.AuditEntry(e))
		if err == nil {
			number = a.last.Add(1)
			a.open.Store(number, entry{db, id})
		}
		return err
	})
	return number, err
}

// Close implements runbook.Audit.
func (a *audit) Close(ctx context.Context, number int64, status int) error {
	open, ok := a.open.LoadAndDelete(number)
	if !ok {
		return fmt.Errorf("there is no entry %d", number)
	}
	e := open.(entry)
	return e.db.CloseAudit(ctx, e.id, status)
}

// Entries implements runbook.Audit.
func (a *audit) Entries(ctx context.Context, limit int, before int64) (out []runbook.AuditEntry, err error) {
	c, err := a.control()
	if err != nil {
		return nil, err
	}
	err = c.first(ctx, func(db *postgres.DB) error {
		entries, err := db.Audit(ctx, limit, before)
		out = make([]runbook.AuditEntry, 0, len(entries))
		for _, e := range entries {
			out = append(out, runbook.AuditEntry(e))
		}
		return err
	})
	return out, err
}
