package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenantry/reconcile"
	"tenantry/schema"
)

// ApplyStep implements reconcile.Database. A step whose statements all run in a
// transaction costs one round trip. Others go part by part.
func (db *DB) ApplyStep(ctx context.Context, w reconcile.Work) error {
	if len(w.Files) > 0 {
		return db.applyFiles(ctx, w)
	}
	err := db.applyStep(ctx, w)
	if _, stale := errors.AsType[*reconcile.StaleError](err); stale {
		return db.overtaken(ctx, w, err)
	}
	return err
}

func (db *DB) applyStep(ctx context.Context, w reconcile.Work) error {
	parts := inParts(w.Statements)
	switch {
	case len(parts) > 1 || len(parts) == 1 && !parts[0][0].Transactional:
		return db.applyParts(ctx, w, parts)
	case w.At != "":
		w.Scope = nil
	case db.citus.found:
		w.Keys = nil // it has its own ways with foreign keys
	}
	_, err := db.applyInside(ctx, portion{Work: w, statements: w.Statements, run: true, want: w.To, base: &w.Base})
	return err
}

// inParts cuts statements around those that do not run in a transaction, and
// around those that have one of their own.
func inParts(statements []schema.Statement) (parts [][]schema.Statement) {
	for i, s := range statements {
		if i == 0 || apart(s) || apart(statements[i-1]) {
			parts = append(parts, nil)
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], s)
	}
	return parts
}

func apart(s schema.Statement) bool { return s.Alone || !s.Transactional }

// A portion is what one transaction does of a target's work.
type portion struct {
	reconcile.Work
	statements []schema.Statement
	run        bool    // run the statements; else they have run, and are only recorded
	base       *string // the fingerprint that it must start from; nil for whatever it is
	want       string  // the fingerprint that it must end with; "" for whatever it is
	done       int     // how many parts of the step are done then, where want is ""
}

func (p *portion) key(db *DB) reconcile.Key {
	return reconcile.Key{Database: db.name, Schema: p.Target.Schema}
}

// scope returns what the statements touch, and the kinds of lines to look at; nil
// where that is not known.
func (p *portion) scope() (relations, catalogs, kinds []string) {
	if p.Scope == nil {
		return nil, nil, nil
	}
	return p.Scope.Relations, texts(p.Scope.Catalogs), texts(p.Scope.Kinds)
}

func texts[T ~string](words []T) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}

// checkBase looks at the whole target in a transaction of its own.
func (db *DB) checkBase(ctx context.Context, p portion) error {
	p.Scope, p.Token = nil, ""
	t := newTransaction(db, p)
	t.enter()
	_, err := t.send(ctx)
	return err
}

// applyInside runs a portion in one transaction with its record, and returns the
// fingerprint that the target then has.
func (db *DB) applyInside(ctx context.Context, p portion) (result string, err error) {
	t := newTransaction(db, p)
	t.enter()
	if p.run {
		t.refuseRows()
		t.runStatements()
	}
	t.leave(&result)
	failed, err := t.send(ctx)
	switch {
	case err == nil:
		return result, nil
	case refusedWith(err, refusedNotConverged):
		return "", db.notConverged(ctx, p)
	}
	sql, ok := t.statement(failed)
	if !ok {
		return "", err
	}
	if p.Scope != nil && !Retryable(err) { // somebody else may have been at what it touches
		if moved := db.checkBase(ctx, p); isMoved(moved) {
			return "", moved
		}
	}
	return "", db.statementError(p, sql, err)
}

func refusedWith(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}

// isMoved reports whether the error says that a target is not what the step
// starts from.
func isMoved(err error) bool {
	var stale *reconcile.StaleError
	return errors.Is(err, reconcile.ErrAlready) || errors.As(err, &stale)
}

// notConverged says what comes out otherwise than was proven: it runs the
// statements once more, looks, and rolls back.
func (db *DB) notConverged(ctx context.Context, p portion) error {
	if moved := db.checkBase(ctx, p); isMoved(moved) {
		return moved
	}
	e := &reconcile.NotConvergedError{Key: p.key(db), Want: p.want}
	p.Keys = nil
	t := newTransaction(db, p)
	t.batch.Queue("SELECT set_config('lock_timeout', $1, true)", t.lockWithin())
	t.runStatements()
	var lines []schema.Line
	t.batch.Queue("SELECT NULL, l.* FROM "+db.functions.name("lines")+"($1, NULL, NULL) l", p.Target.Schema).Query(func(rows pgx.Rows) (err error) {
		lines, err = pgx.CollectRows(rows, scanLine)
		return err
	})
	t.rollBack = true
	if _, err := t.send(ctx); err != nil {
		return err
	}
	e.Have = schema.FingerprintOf(lines).String()
	if p.Lines != nil {
		e.Differences = schema.Differences(lines, p.Lines)
	}
	return e
}

// A transaction is what is sent for one portion, in one round trip.
type transaction struct {
	portion
	db       *DB
	batch    pgx.Batch
	rollBack bool // in the end, instead of committing

	ran      []int                 // the query of the batch that is each statement of the step
	refusals map[int]schema.Hazard // by the query of the batch that refuses it
}

func newTransaction(db *DB, p portion) *transaction {
	t := &transaction{portion: p, db: db, refusals: make(map[int]schema.Hazard)}
	t.batch.Queue("BEGIN")
	return t
}

// lockWithin is how long a statement waits for a lock.
func (t *transaction) lockWithin() string { return fmt.Sprintf("%dms", t.LockTimeout.Milliseconds()) }

// enter takes the target's lock and makes sure of the base.
func (t *transaction) enter() {
	relations, catalogs, _ := t.scope()
	t.batch.Queue("SELECT "+t.db.functions.name("enter")+"($1, $2, $3, $4, $5, $6, $7, $8, $9)", t.lockWithin(), cmp.Or(t.At, t.Target.Schema), t.Target.Schema, t.base, t.To, t.Token, relations, catalogs, structureKinds)
}

// refuseRows refuses statements that would destroy data, where they may only run
// if there is none. It locks what they drop first, so that no row comes between.
func (t *transaction) refuseRows() {
	for _, s := range t.statements {
		t.refuseIf(s)
	}
}

// refuseIf refuses one statement where it would destroy data and may not.
func (t *transaction) refuseIf(s schema.Statement) {
	if !t.OnlyIfEmpty {
		return
	}
	for _, h := range s.Hazards {
		if h.Code != schema.HazardDestructive || h.Table == "" {
			continue
		}
		table, column := schema.Render(h.Table, t.Target.Schema), schema.Render(h.Column, t.Target.Schema)
		where := ""
		if column != "" {
			where = " WHERE " + column + " IS NOT NULL"
		}
		t.batch.Queue("LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE")
		t.refusals[t.batch.Len()] = h
		t.batch.Queue("SELECT " + t.db.functions.name("refuse") + "(EXISTS (SELECT FROM " + table + where + "))")
	}
}

func (t *transaction) runStatements() {
	if sharding := t.sharding(t.db); sharding != "" {
		t.batch.Queue(sharding)
	}
	t.batch.Queue("SET LOCAL search_path = " + schema.QuoteIdent(t.Target.Schema) + ", public")
	for i, s := range t.statements {
		if t.Keys != nil && i == len(t.statements)-t.Keys.Count {
			t.lookAhead()
		}
		t.ran = append(t.ran, t.batch.Len())
		t.batch.Queue(executed(s, &t.Work))
	}
}

// lookAhead makes sure of all but the foreign keys that come last, before they take
// their locks. What is left to do then is to make sure of what they have added.
func (t *transaction) lookAhead() {
	t.Scope = &t.Keys.Scope
	relations, catalogs, _ := t.scope()
	t.batch.Queue("SELECT "+t.db.functions.name("ahead")+"($1, $2, $3, $4, $5)", t.Target.Schema, structureKinds, t.Keys.Before.String(), relations, catalogs)
}

// executed returns a statement as it is sent. The verifier of a password is in
// it only here: not in a plan, not in an error, and not in the history.
func executed(s schema.Statement, w *reconcile.Work) string {
	sql := s.For(w.Target.Schema)
	if s.Named && w.Verifier != "" {
		sql = strings.ReplaceAll(sql, "{password}", "'"+strings.ReplaceAll(w.Verifier, "'", "''")+"'")
	}
	return sql
}

// statement returns the text of the step's statement that is the query of the
// batch, if one is.
func (t *transaction) statement(query int) (sql string, ok bool) {
	i, ok := slices.BinarySearch(t.ran, query)
	if !ok {
		return "", false
	}
	return t.statements[i].For(t.Target.Schema), true
}

// leave records the target, makes sure of the result and completes the record
// with it.
func (t *transaction) leave(result *string) {
	r, want := t.Target, t.want
	if want == "" {
		r.Status = reconcile.StatusBetween
	}
	if t.Scope != nil {
		want, r.Fingerprint = t.Scope.Hash, t.Goal
	}
	if t.At != "" {
		t.batch.Queue(moveRecord, t.At, r.Schema)
		t.batch.Queue(moveMigrations, t.At, r.Schema)
	}
	statements, reverse := []string{}, []string{}
	for i, s := range t.statements {
		statements = append(statements, s.For(r.Schema))
		for _, undo := range t.statements[len(t.statements)-1-i].Reverse {
			reverse = append(reverse, schema.Render(undo, r.Schema))
		}
	}
	relations, catalogs, kinds := t.scope()
	args := append(betweenArgs(t.Run, r, t.Step, t.done, ""), relations, catalogs, kinds, structureKinds, want, t.Work.To, t.Base, statements, reverse)
	t.batch.Queue("SELECT "+t.db.functions.name("leave")+"("+places(len(args))+")", args...).QueryRow(func(row pgx.Row) error { return row.Scan(result) })
}

// places returns the places of so many arguments.
func places(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + itoa(i+1))
	}
	return b.String()
}

// send sends all of it and returns what the server said, and which query of the
// batch failed, if one did. Whatever fails is rolled back.
func (t *transaction) send(ctx context.Context) (failed int, err error) {
	conn, err := t.db.pool.Acquire(ctx)
	if err != nil {
		return -1, t.db.wrap(err)
	}
	defer conn.Release()
	return t.sendOn(ctx, conn)
}

// sendOn is send on a connection that the caller has.
func (t *transaction) sendOn(ctx context.Context, conn *pgxpool.Conn) (failed int, err error) {
	if t.rollBack {
		t.batch.Queue("ROLLBACK")
	} else {
		t.batch.Queue("COMMIT")
	}
	for i, q := range t.batch.QueuedQueries {
		read := q.Fn
		q.Fn = func(answers pgx.BatchResults) error {
			failed = i
			if read != nil {
				return read(answers)
			}
			_, err := answers.Exec()
			return err
		}
	}
	wear(conn.Conn(), t.batch.Len())
	if err = conn.SendBatch(ctx, &t.batch).Close(); err == nil {
		return -1, nil
	}
	t.db.rollBack(ctx, conn)
	return failed, t.refusal(failed, err)
}

// refusal returns what an error of a query of the batch means.
func (t *transaction) refusal(query int, err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case refusedBusy:
			return reconcile.ErrBusy
		case refusedAlready:
			return reconcile.ErrAlready
		case refusedStale:
			return &reconcile.StaleError{Key: t.key(t.db)}
		case refusedNotEmpty:
			return &reconcile.NotEmptyError{Key: t.key(t.db), Hazard: t.refusals[query]}
		}
	}
	return t.db.wrap(err)
}

func (db *DB) statementError(p portion, sql string, err error) error {
	return &reconcile.StatementError{Key: p.key(db), SQL: sql, Err: db.wrap(err)}
}

// Retryable implements reconcile.Database.
func (db *DB) Retryable(err error) bool {
	var stale *reconcile.StaleError
	if errors.As(err, &stale) {
		return false
	}
	return Retryable(err)
}
