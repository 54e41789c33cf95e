package main

import (
	"context"

	"tenantry/internal/loop"
	"tenantry/internal/postgres"
	"tenantry/internal/runbook"
)

// audit keeps the record of writes in the database that replicas share.
type audit struct{ loop *loop.Loop }

// database returns that database, once it is known and its control schema there.
func (a audit) database() (*postgres.DB, error) {
	w := a.loop.Observation().World
	if w == nil || w.Control == nil {
		return nil, loop.ErrNotReady
	}
	return w.Control.(*postgres.DB), nil // source.Read put it there
}

// Record implements runbook.Audit.
func (a audit) Record(ctx context.Context, e runbook.AuditEntry) (int64, error) {
	db, err := a.database()
	if err != nil {
		return 0, err
	}
	return db.RecordAudit(ctx, postgres.AuditEntry(e))
}

// Close implements runbook.Audit.
func (a audit) Close(ctx context.Context, id int64, status int) error {
	db, err := a.database()
	if err != nil {
		return err
	}
	return db.CloseAudit(ctx, id, status)
}

// Entries implements runbook.Audit.
func (a audit) Entries(ctx context.Context, limit int, before int64) ([]runbook.AuditEntry, error) {
	db, err := a.database()
	if err != nil {
		return nil, err
	}
	entries, err := db.Audit(ctx, limit, before)
	out := make([]runbook.AuditEntry, 0, len(entries))
	for _, e := range entries {
		out = append(out, runbook.AuditEntry(e))
	}
	return out, err
}
