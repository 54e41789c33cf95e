package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/reconcile"
	"tenantry/schema"
)

// applyApart applies a segment statement by statement. A statement that may run in
// a transaction has one with the record of how far the file has come.
func (db *DB) applyApart(ctx context.Context, w reconcile.Work, s segment, first, last bool) error {
	p := filesPortion(w)
	if first || s.file != nil && !s.file.Resumed { // so that what is cut short is known to have been begun
		if err := db.mark(ctx, p, s, first, 0); err != nil {
			return err
		}
	}
	for i, stmt := range s.statements {
		if stmt.Transactional {
			if err := db.runOne(ctx, p, s, stmt, i+1); err != nil {
				return err
			}
			continue
		}
		resumed := s.file != nil && s.file.Resumed && i == len(s.statements)-s.own
		if err := db.runOutside(ctx, p, stmt, resumed); err != nil {
			return err
		}
		if err := db.mark(ctx, p, s, false, i+1); err != nil {
			return err
		}
	}
	if !last {
		return nil
	}
	p.base, p.statements, p.At, p.Token = nil, summaryOf(w), "", ""
	_, err := db.applyInside(ctx, p)
	return err
}

// runOutside runs a statement that may not run in a transaction, and leaves no
// index behind that is not built to its end. Where the file was cut short before
// it, it may have run without its record.
func (db *DB) runOutside(ctx context.Context, p portion, stmt schema.Statement, resumed bool) error {
	_, leave, err := db.guard(ctx, p)
	if err != nil {
		return err
	}
	defer leave()
	var ours bool
	err = db.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM tenantry.target WHERE schema = $1 AND run = $2 AND status = 'between')", p.Target.Schema, p.Run.ID).Scan(&ours)
	switch {
	case err != nil:
		return db.wrap(err)
	case !ours:
		return &reconcile.StaleError{Key: p.key(db)}
	}
	if err := db.dropUnfinished(ctx, p, stmt); err != nil {
		return err
	}
	if resumed {
		lines, err := db.Lines(ctx, p.Target.Schema)
		if err != nil {
			return err
		}
		if _, done := schema.BesideIndex(lines, stmt); done {
			return nil
		}
	}
	if _, err = db.pool.Exec(ctx, stmt.For(p.Target.Schema), pgx.QueryExecModeSimpleProtocol); err == nil {
		return nil
	}
	undoCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return errors.Join(db.fileError(p, stmt, err), db.dropUnfinished(undoCtx, p, stmt))
}

// mark records how far a segment has come.
func (db *DB) mark(ctx context.Context, p portion, s segment, first bool, done int) error {
	t := newTransaction(db, p)
	t.arrive(first, s.after(done))
	t.progress(s, done)
	if first {
		t.between(0)
	}
	_, err := t.send(ctx)
	return err
}

// progress queues the record of how many of the segment's statements have run.
func (t *transaction) progress(s segment, done int) {
	if s.file != nil {
		queueMigration(&t.batch, t.Run.ID, t.Target.Schema, t.Names, *s.file, s.file.Begin+done)
	}
}

// runOne runs one statement of a segment with its record.
func (db *DB) runOne(ctx context.Context, p portion, s segment, stmt schema.Statement, done int) error {
	t := newTransaction(db, p)
	t.arrive(false, s.after(done))
	t.refuseIf(stmt)
	at := t.batch.Len()
	t.batch.Queue(stmt.For(p.Target.Schema))
	t.progress(s, done)
	failed, err := t.send(ctx)
	return db.filesError(p, map[int]schema.Statement{at: stmt}, failed, err)
}
