package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tenantry/reconcile"
	"tenantry/schema"
)

// ApplyStep implements reconcile.Database. A step whose statements all run in a
// transaction costs three round trips: begin, lock and look; the statements and
// look again; record and commit.
func (db *DB) ApplyStep(ctx context.Context, w reconcile.Work) error {
	var inside, after []schema.Statement
	for _, s := range w.Statements {
		if s.Transactional {
			inside = append(inside, s)
		} else {
			after = append(after, s)
		}
	}
	if len(after) == 0 {
		return db.applyInside(ctx, w, inside, w.To)
	}
	if len(inside) > 0 {
		if err := db.applyInside(ctx, w, inside, ""); err != nil {
			return err
		}
		w.Base = "" // unknown now: a place between the old and the new
	}
	for _, s := range after {
		sql := s.For(w.Target.Schema)
		if _, err := db.pool.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return db.statementError(w, sql, err)
		}
	}
	w.Statements = after
	return db.applyInside(ctx, w, nil, w.To)
}

// applyInside runs statements in one transaction with their record. to is the
// fingerprint that they must end with; "" accepts whatever comes out, which is
// then a place between the old and the new.
func (db *DB) applyInside(ctx context.Context, w reconcile.Work, statements []schema.Statement, to string) error {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return db.wrap(err)
	}
	defer conn.Release()
	t := &targetTx{db: db, conn: conn.Conn(), work: w, key: reconcile.Key{Database: db.name, Schema: w.Target.Schema}}
	err = t.run(ctx, statements, to)
	if err != nil && !t.conn.IsClosed() {
		undoCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if undo := simple(undoCtx, t.conn, "ROLLBACK"); undo != nil {
			t.conn.Close(undoCtx)
		}
	}
	return err
}

// targetTx is the transaction of one target.
type targetTx struct {
	db   *DB
	conn *pgx.Conn
	work reconcile.Work
	key  reconcile.Key

	fingerprint string // "" for no schema
	parts       schema.Fingerprint
	token       string
}

func (t *targetTx) run(ctx context.Context, statements []schema.Statement, to string) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	if len(statements) > 0 && t.fingerprint != t.work.Base {
		return &reconcile.StaleError{Key: t.key}
	}
	if t.work.OnlyIfEmpty {
		if err := t.checkEmpty(ctx, statements); err != nil {
			return err
		}
	}
	if err := t.statements(ctx, statements); err != nil {
		return err
	}
	if to != "" && t.fingerprint != to {
		return &reconcile.NotConvergedError{Key: t.key, Have: t.fingerprint, Want: to}
	}
	return t.commit(ctx, statements, to)
}

// begin is the first round trip: settings, the target's lock, and what is there.
func (t *targetTx) begin(ctx context.Context) error {
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	batch.Queue("SELECT set_config('lock_timeout', $1, true)", fmt.Sprintf("%dms", t.work.LockTimeout.Milliseconds()))
	locked := false
	batch.Queue("SELECT pg_try_advisory_xact_lock(hashtextextended('tenantry target ' || $1, 0))", t.key.Schema).QueryRow(func(row pgx.Row) error { return row.Scan(&locked) })
	t.look(batch)
	if err := t.conn.SendBatch(ctx, batch).Close(); err != nil {
		return t.db.wrap(err)
	}
	if !locked {
		return reconcile.ErrBusy
	}
	return nil
}

// look queues the query that says what the schema is now.
func (t *targetTx) look(batch *pgx.Batch) {
	t.fingerprint, t.token = "", ""
	batch.Queue("SELECT * FROM "+lookFunction(t.db.version)+"($1, $2)", t.key.Schema, structureKinds).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&t.parts.Structure, &t.parts.Objects, &t.token}, func() error {
			t.fingerprint = t.parts.String()
			return nil
		})
		return err
	})
}

// checkEmpty refuses statements that would destroy data. It locks what they
// drop first, so that no row comes between.
func (t *targetTx) checkEmpty(ctx context.Context, statements []schema.Statement) error {
	for _, s := range statements {
		for _, h := range s.Hazards {
			if h.Code != schema.HazardDestructive || h.Table == "" {
				continue
			}
			table, column := schema.Render(h.Table, t.key.Schema), schema.Render(h.Column, t.key.Schema)
			where := ""
			if column != "" {
				where = " WHERE " + column + " IS NOT NULL"
			}
			if err := simple(ctx, t.conn, "LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE"); err != nil {
				return t.db.wrap(err)
			}
			found := false
			if err := t.conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+table+where+")").Scan(&found); err != nil {
				return t.db.wrap(err)
			}
			if found {
				return &reconcile.NotEmptyError{Key: t.key, Hazard: h}
			}
		}
	}
	return nil
}

// statements is the second round trip: all of them, and what is there then.
func (t *targetTx) statements(ctx context.Context, statements []schema.Statement) error {
	if len(statements) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	running := -1 // the statement whose answer is awaited
	queue := func(i int, sql string) {
		batch.Queue(sql).Exec(func(pgconn.CommandTag) error { running = i + 1; return nil })
	}
	queue(-1, "SET LOCAL search_path = "+schema.QuoteIdent(t.key.Schema)+", public")
	for i, s := range statements {
		queue(i, s.For(t.key.Schema))
	}
	t.look(batch)
	err := t.conn.SendBatch(ctx, batch).Close()
	switch {
	case err == nil:
		return nil
	case running >= 0 && running < len(statements):
		return t.db.statementError(t.work, statements[running].For(t.key.Schema), err)
	}
	return t.db.wrap(err)
}

// commit is the third round trip: the record, in the same transaction.
func (t *targetTx) commit(ctx context.Context, statements []schema.Statement, to string) error {
	r := t.work.Target
	r.Fingerprint, r.Token, r.AppliedAt = t.parts, t.token, time.Now()
	if to == "" {
		r.Blueprint, r.Token = "", "" // not there yet: look again, whatever happens next
	}
	done := statements
	if len(done) == 0 {
		done = t.work.Statements
	}
	var sql, reverse []string
	for _, s := range done {
		sql = append(sql, s.For(r.Schema))
	}
	for i := len(done) - 1; i >= 0; i-- {
		for _, undo := range done[i].Reverse {
			reverse = append(reverse, schema.Render(undo, r.Schema))
		}
	}
	if reverse == nil {
		reverse = []string{}
	}
	batch := &pgx.Batch{}
	batch.Queue(upsertTarget, recordArgs(t.work.Run, r)...)
	batch.Queue("INSERT INTO tenantry.change (run, schema, tenant, base, result, statements, reverse) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		t.work.Run.ID, r.Schema, r.Tenant, t.work.Base, t.fingerprint, sql, reverse)
	batch.Queue("COMMIT")
	return t.db.wrap(t.conn.SendBatch(ctx, batch).Close())
}

func (db *DB) statementError(w reconcile.Work, sql string, err error) error {
	return &reconcile.StatementError{Key: reconcile.Key{Database: db.name, Schema: w.Target.Schema}, SQL: sql, Err: &Error{Database: db.name, Address: db.address(), Err: err}}
}

// Retryable implements reconcile.Database.
func (db *DB) Retryable(err error) bool {
	var stale *reconcile.StaleError
	if errors.As(err, &stale) {
		return false
	}
	return Retryable(err)
}
