package postgres

import (
	"cmp"
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
// look again; record and commit. Others go part by part, and each part records
// the place between the old and the new that it has come to.
func (db *DB) ApplyStep(ctx context.Context, w reconcile.Work) error {
	parts := inParts(w.Statements)
	for i, part := range parts {
		to := ""
		if i == len(parts)-1 {
			to = w.To
		}
		if !part[0].Transactional {
			if err := db.applyOutside(ctx, w, part, i == 0); err != nil {
				return err
			}
			w.Base, w.Token, w.At = "", "", "" // whatever it is now
		}
		result, err := db.applyInside(ctx, w, part, to)
		if err != nil {
			return err
		}
		w.Base, w.Token, w.At = result, "", ""
	}
	return nil
}

// inParts cuts statements where those that run in a transaction and those that
// do not follow each other, and around those that have one of their own.
func inParts(statements []schema.Statement) (parts [][]schema.Statement) {
	for i, s := range statements {
		if i == 0 || s.Transactional != statements[i-1].Transactional || s.Alone || statements[i-1].Alone {
			parts = append(parts, nil)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], s)
	}
	return parts
}

// applyOutside runs statements that may not run in a transaction.
func (db *DB) applyOutside(ctx context.Context, w reconcile.Work, statements []schema.Statement, first bool) error {
	if first {
		if err := db.checkBase(ctx, w); err != nil {
			return err
		}
	}
	for _, s := range statements {
		sql := s.For(w.Target.Schema)
		if _, err := db.pool.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return db.statementError(w, sql, err)
		}
	}
	return nil
}

// checkBase looks at the target in a transaction of its own.
func (db *DB) checkBase(ctx context.Context, w reconcile.Work) error {
	return db.onTarget(ctx, w, func(t *targetTx) error {
		if err := t.begin(ctx); err != nil {
			return err
		}
		if err := t.atBase(ctx); err != nil {
			return err
		}
		return simple(ctx, t.conn, "COMMIT")
	})
}

// applyInside runs statements in one transaction with their record and returns
// the fingerprint that they end with. It must be to; "" accepts whatever it is,
// a place between the old and the new. Statements that do not run in a
// transaction have run already, and are only recorded.
func (db *DB) applyInside(ctx context.Context, w reconcile.Work, statements []schema.Statement, to string) (result string, err error) {
	err = db.onTarget(ctx, w, func(t *targetTx) error {
		err := t.run(ctx, statements, to)
		result = t.fingerprint
		return err
	})
	return result, err
}

// onTarget runs f on a connection, and rolls back what f leaves open.
func (db *DB) onTarget(ctx context.Context, w reconcile.Work, f func(*targetTx) error) error {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return db.wrap(err)
	}
	defer conn.Release()
	t := &targetTx{db: db, conn: conn.Conn(), work: w, key: reconcile.Key{Database: db.name, Schema: w.Target.Schema}, at: cmp.Or(w.At, w.Target.Schema)}
	err = f(t)
	if err != nil && !t.conn.IsClosed() {
		undoCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if undo := simple(undoCtx, t.conn, "ROLLBACK"); undo != nil {
			t.conn.Close(undoCtx)
		}
	}
	return err
}

// targetTx is a transaction on one target.
type targetTx struct {
	db   *DB
	conn *pgx.Conn
	work reconcile.Work
	key  reconcile.Key
	at   string // what the schema is called now

	fingerprint string // "" for no schema
	parts       schema.Fingerprint
	token       string
}

func (t *targetTx) run(ctx context.Context, statements []schema.Statement, to string) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	if statements[0].Transactional {
		if err := t.atBase(ctx); err != nil {
			return err
		}
		if t.work.OnlyIfEmpty {
			if err := t.checkEmpty(ctx, statements); err != nil {
				return err
			}
		}
		if err := t.statements(ctx, statements); err != nil {
			return err
		}
	}
	if to != "" && t.fingerprint != to {
		return t.notConverged(ctx, to)
	}
	return t.commit(ctx, statements, to == "")
}

// atBase makes sure that the target is what the step starts from.
func (t *targetTx) atBase(ctx context.Context) error {
	switch t.fingerprint {
	case t.work.Base:
		return nil
	case t.work.To:
		return reconcile.ErrAlready
	}
	return t.elsewhere(ctx)
}

// elsewhere says why the target is not what the step starts from: another run
// may have given it its new name already.
func (t *targetTx) elsewhere(ctx context.Context) error {
	if t.fingerprint == "" && t.at != t.key.Schema {
		batch := &pgx.Batch{}
		t.at = t.key.Schema
		t.look(batch, "")
		if err := t.conn.SendBatch(ctx, batch).Close(); err != nil {
			return t.db.wrap(err)
		}
		if t.fingerprint == t.work.To {
			return reconcile.ErrAlready
		}
	}
	return &reconcile.StaleError{Key: t.key}
}

// notConverged says what came out otherwise than was proven.
func (t *targetTx) notConverged(ctx context.Context, to string) error {
	e := &reconcile.NotConvergedError{Key: t.key, Have: t.fingerprint, Want: to}
	if t.work.Lines == nil {
		return e
	}
	if err := simple(ctx, t.conn, steer(1)); err != nil {
		return t.db.wrap(err)
	}
	rows, err := t.conn.Query(ctx, linesQuery(t.db.version), []string{t.key.Schema})
	if err != nil {
		return t.db.wrap(err)
	}
	lines, err := pgx.CollectRows(rows, scanLine)
	if err != nil {
		return t.db.wrap(err)
	}
	e.Differences = schema.Differences(lines, t.work.Lines)
	return e
}

// begin is the first round trip: settings, the target's lock, and what is there.
func (t *targetTx) begin(ctx context.Context) error {
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	batch.Queue("SELECT set_config('lock_timeout', $1, true)", fmt.Sprintf("%dms", t.work.LockTimeout.Milliseconds()))
	locked := false
	batch.Queue("SELECT pg_try_advisory_xact_lock(hashtextextended('tenantry target ' || $1, 0)) AND pg_try_advisory_xact_lock(hashtextextended('tenantry target ' || $2, 0))",
		t.at, t.key.Schema).QueryRow(func(row pgx.Row) error { return row.Scan(&locked) })
	t.look(batch, t.work.Token)
	if err := t.conn.SendBatch(ctx, batch).Close(); err != nil {
		return t.db.wrap(err)
	}
	if !locked {
		return reconcile.ErrBusy
	}
	return nil
}

// look queues the query that says what the schema is now. While its token is
// known, it is the base.
func (t *targetTx) look(batch *pgx.Batch, known string) {
	batch.Queue("SELECT * FROM "+lookFunction(t.db.version)+"($1, $2, $3)", t.at, structureKinds, known).Query(func(rows pgx.Rows) error {
		t.fingerprint, t.token = "", ""
		var structure, objects *string
		_, err := pgx.ForEachRow(rows, []any{&structure, &objects, &t.token}, func() error {
			if structure == nil {
				t.fingerprint = t.work.Base
				return nil
			}
			t.parts = schema.Fingerprint{Structure: *structure, Objects: *objects}
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
	batch := &pgx.Batch{}
	running := -1 // the statement whose answer is awaited
	queue := func(i int, sql string) {
		batch.Queue(sql).Exec(func(pgconn.CommandTag) error { running = i + 1; return nil })
	}
	queue(-1, "SET LOCAL search_path = "+schema.QuoteIdent(t.key.Schema)+", public")
	for i, s := range statements {
		queue(i, s.For(t.key.Schema))
	}
	t.at = t.key.Schema
	t.look(batch, "")
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
func (t *targetTx) commit(ctx context.Context, statements []schema.Statement, between bool) error {
	r := t.work.Target
	r.Fingerprint, r.Token, r.AppliedAt = t.parts, t.token, time.Now()
	upsert := upsertTarget
	if between {
		r.Status, upsert = reconcile.StatusBetween, upsertBetween
	}
	var sql []string
	reverse := []string{}
	for i, s := range statements {
		sql = append(sql, s.For(r.Schema))
		for _, undo := range statements[len(statements)-1-i].Reverse {
			reverse = append(reverse, schema.Render(undo, r.Schema))
		}
	}
	batch := &pgx.Batch{}
	if t.work.At != "" {
		batch.Queue(moveRecord, t.work.At, r.Schema)
	}
	batch.Queue(upsert, recordArgs(t.work.Run, r)...)
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
