package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tenantry/reconcile"
	"tenantry/schema"
)

// A step that cannot run in one transaction goes in parts. Each part is recorded
// with the transaction that does it, or right after what no transaction can do:
// the step, how many of its parts are done, and the fingerprint that the target
// has there. Whoever has the same step, this run after a lost connection or
// another one that works at the same time, goes on from that place.

// placeColumns is a migration.
const placeColumns = `
ALTER TABLE tenantry.target
	ADD COLUMN step text NOT NULL DEFAULT '', -- while the status is between: the step that is half done
	ADD COLUMN parts_done integer NOT NULL DEFAULT 0; -- and how far
`

const besideColumn = `
ALTER TABLE tenantry.target
	ADD COLUMN beside text NOT NULL DEFAULT ''; -- while the next part builds or drops an index concurrently: the fingerprint of all but that index
`

// A place is where a target is on its way.
type place struct {
	live        schema.Fingerprint
	fingerprint string // what it is now, "" for no schema
	recorded    string // what it was left as
	status      reconcile.Status
	step        string // that is half done, where the status is between
	done        int
	beside      string // all but the index of the part that was begun, if one was
	busy        bool   // the run that left it so has not ended
	blueprint   string // that it was last brought to
}

// place looks at the target and its record, without its lock.
func (db *DB) place(ctx context.Context, run, called, name string) (p place, err error) {
	var left schema.Fingerprint
	err = db.pool.QueryRow(ctx, `SELECT coalesce(l.o_structure, ''), coalesce(l.o_objects, ''), coalesce(t.structure, ''), coalesce(t.objects, ''),
			coalesce(t.status, ''), coalesce(t.step, ''), coalesce(t.parts_done, 0), coalesce(t.beside, ''), coalesce(r.ended_at IS NULL AND r.id <> $4, false), coalesce(t.blueprint, '')
		FROM (SELECT) one LEFT JOIN `+db.functions.name("look")+`($1, $3, '') l ON true LEFT JOIN tenantry.target t ON t.schema = $2
			LEFT JOIN tenantry.run r ON r.id = t.run`, called, name, structureKinds, run,
	).Scan(&p.live.Structure, &p.live.Objects, &left.Structure, &left.Objects, &p.status, &p.step, &p.done, &p.beside, &p.busy, &p.blueprint)
	p.recorded = left.String()
	if p.fingerprint = p.live.String(); p.live == (schema.Fingerprint{}) {
		p.fingerprint = ""
	}
	return p, db.wrap(err)
}

// within reports whether the step is half done there.
func (p place) within(w reconcile.Work) bool {
	return p.status == reconcile.StatusBetween && p.step == w.Step
}

// next returns the part of the step that comes next, and whether the target is
// just where that begins: an index that is built or dropped, or was not built to
// its end, is in the way of being so.
func (p place) next(w reconcile.Work) (part int, exact, ok bool) {
	switch {
	case p.within(w) && p.fingerprint == p.recorded:
		return p.done, true, true
	case p.fingerprint == w.Base:
		return 0, true, true
	case p.within(w):
		return p.done, false, true
	case p.recorded == w.Base:
		return 0, false, true
	}
	return 0, false, false
}

// overtaken says what it means that a target is not what a step starts from,
// where another run is on its way with it.
func (db *DB) overtaken(ctx context.Context, w reconcile.Work, stale error) error {
	p, err := db.place(ctx, w.Run.ID, w.Target.Schema, w.Target.Schema)
	switch {
	case err != nil:
		return err
	case p.fingerprint == w.To:
		return reconcile.ErrAlready
	case p.status == reconcile.StatusBetween && p.busy:
		return reconcile.ErrBusy
	}
	return stale
}

// applyParts applies the parts that are not done.
func (db *DB) applyParts(ctx context.Context, w reconcile.Work, parts [][]schema.Statement) error {
	w.Scope, w.Keys, w.Token = nil, nil, "" // what it is now is looked at
	did, moved := false, 0
	for {
		called := w.Target.Schema
		p, err := db.place(ctx, w.Run.ID, called, called)
		if err == nil && p.fingerprint == "" && w.At != "" {
			called = w.At
			p, err = db.place(ctx, w.Run.ID, called, called)
		}
		if err != nil {
			return err
		}
		part, exact, ok := p.next(w)
		ok = ok && part < len(parts) && (exact || !parts[part][0].Transactional)
		if p.fingerprint == w.To && w.Base != w.To && !(ok && p.within(w)) { // a last part may grant, or have built an index that is not on record
			if did {
				return nil
			}
			return reconcile.ErrAlready
		}
		if !ok {
			return &reconcile.StaleError{Key: reconcile.Key{Database: db.name, Schema: w.Target.Schema}}
		}
		err = db.applyPart(ctx, w, parts, part, p, called)
		switch {
		case err == nil:
			did, moved = true, 0
		case isMoved(err) && moved < 3: // another run was faster: look again
			moved++
		default:
			return err
		}
	}
}

// applyPart applies one part from the place where it begins.
func (db *DB) applyPart(ctx context.Context, w reconcile.Work, parts [][]schema.Statement, part int, at place, called string) error {
	if called == w.Target.Schema {
		w.At = ""
	}
	p := portion{Work: w, statements: parts[part], run: true, base: &at.fingerprint, done: part + 1}
	if part == len(parts)-1 {
		p.want = w.To
	}
	if !p.statements[0].Transactional {
		return db.applyOutside(ctx, p)
	}
	p.Base = at.fingerprint
	_, err := db.applyInside(ctx, p)
	return err
}

// applyOutside runs a statement that may not run in a transaction, and records
// it. Meanwhile it holds the target's lock in a transaction that does nothing
// else: it has no snapshot, and so CREATE INDEX CONCURRENTLY does not wait for it.
func (db *DB) applyOutside(ctx context.Context, p portion) error {
	guard, leave, err := db.guard(ctx, p)
	if err != nil {
		return err
	}
	defer leave()
	s := p.statements[0]
	now, ran, err := db.arrive(ctx, p, s)
	if err != nil {
		return err
	}
	if !ran {
		if err := db.runConcurrently(ctx, p, s, now); err != nil {
			return err
		}
	}
	t := &transaction{portion: p, db: db, refusals: make(map[int]schema.Hazard)} // the guard's
	t.Base = now.fingerprint
	if now.within(p.Work) {
		t.Base = now.recorded
	}
	t.leave(new(string))
	if _, err = t.sendOn(ctx, guard); refusedWith(err, refusedNotConverged) {
		return &reconcile.NotConvergedError{Key: p.key(db), Want: p.want}
	}
	return err
}

// arrive makes sure that the target is where the statement begins, and records
// that it is about to run. ran reports that it has run: it is on record that it was
// about to, its index is as it leaves it, and nothing else has changed.
func (db *DB) arrive(ctx context.Context, p portion, s schema.Statement) (now place, ran bool, err error) {
	if err := db.dropUnfinished(ctx, p, s); err != nil {
		return now, false, err
	}
	if now, err = db.place(ctx, p.Run.ID, p.Target.Schema, p.Target.Schema); err != nil {
		return now, false, err
	}
	lines, err := db.Lines(ctx, p.Target.Schema)
	if err != nil {
		return now, false, err
	}
	beside, done := schema.BesideIndex(lines, s)
	begun := now.within(p.Work) && now.done == p.done-1 && now.beside == beside.String()
	switch next, exact, ok := now.next(p.Work); {
	case begun && !exact && done:
		return now, true, nil
	case begun: // an index that was not dropped to its end still is to be
		return now, false, nil
	case !ok || !exact || next != p.done-1:
		return now, false, &reconcile.StaleError{Key: p.key(db)}
	}
	return now, false, db.depart(ctx, p, now, beside.String())
}

// depart records that the target is where the portion begins, and what is beside
// the index that it builds or drops.
func (db *DB) depart(ctx context.Context, p portion, now place, beside string) error {
	r := p.Target
	r.Status, r.Fingerprint, r.Token = reconcile.StatusBetween, now.live, ""
	_, err := db.pool.Exec(ctx, upsertBetween, betweenArgs(p.Run, r, p.Step, p.done-1, beside)...)
	return db.wrap(err)
}

// runConcurrently runs the portion's statement. Where that fails, nothing of it
// stays, nor that it was about to run, as far as can be seen to.
func (db *DB) runConcurrently(ctx context.Context, p portion, s schema.Statement, before place) error {
	sql := s.For(p.Target.Schema)
	_, err := db.pool.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	if err == nil {
		return nil
	}
	undoCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return errors.Join(db.statementError(p, sql, err), db.dropUnfinished(undoCtx, p, s), db.takeBack(undoCtx, p, before))
}

// takeBack takes back what depart has recorded, where the target is as it was.
func (db *DB) takeBack(ctx context.Context, p portion, before place) error {
	now, err := db.place(ctx, p.Run.ID, p.Target.Schema, p.Target.Schema)
	if err != nil || now.fingerprint != before.fingerprint || before.within(p.Work) {
		return err
	}
	_, err = db.pool.Exec(ctx, "UPDATE tenantry.target SET status = $2, beside = '' WHERE schema = $1", p.Target.Schema, string(cmp.Or(before.status, reconcile.StatusFailed)))
	return db.wrap(err)
}

// guard takes the target's lock and keeps it until it is left. It speaks the
// simple protocol: a portal of the extended one would keep a snapshot, for which
// CREATE INDEX CONCURRENTLY would wait for ever. It waits for a guard, of another
// target, that has one just then; so no guard may be kept by somebody who waits
// for a connection.
func (db *DB) guard(ctx context.Context, p portion) (conn *pgxpool.Conn, leave func(), err error) {
	select {
	case db.guards <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	if conn, err = db.guarding(ctx, p); err != nil {
		<-db.guards
		return nil, nil, err
	}
	return conn, func() {
		db.rollBack(ctx, conn)
		conn.Release()
		<-db.guards
	}, nil
}

// guarding returns the connection whose transaction has the target's lock.
func (db *DB) guarding(ctx context.Context, p portion) (*pgxpool.Conn, error) {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return nil, db.wrap(err)
	}
	name := "'" + strings.ReplaceAll(p.Target.Schema, "'", "''") + "'"
	err = simple(ctx, conn.Conn(), "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; SELECT "+db.functions.name("enter")+"('0', "+name+", "+name+", NULL, '', '', NULL, NULL, NULL)")
	if err != nil {
		db.rollBack(ctx, conn)
		conn.Release()
		t := transaction{portion: p, db: db}
		return nil, t.refusal(-1, err)
	}
	return conn, nil
}

// dropUnfinished drops what is left of the index that the statement builds.
func (db *DB) dropUnfinished(ctx context.Context, p portion, s schema.Statement) error {
	index, ok := schema.BuildsConcurrently(s)
	if !ok {
		return nil
	}
	var left bool
	err := db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_index WHERE NOT indisvalid AND indexrelid = to_regclass($1))`,
		schema.QuoteIdent(p.Target.Schema)+"."+schema.QuoteIdent(index)).Scan(&left)
	if err == nil && left {
		_, err = db.pool.Exec(ctx, fmt.Sprintf("DROP INDEX CONCURRENTLY IF EXISTS %s.%s", schema.QuoteIdent(p.Target.Schema), schema.QuoteIdent(index)), pgx.QueryExecModeSimpleProtocol)
	}
	return db.wrap(err)
}

// rollBack ends what a connection has left open; on one that has committed it
// does nothing.
func (db *DB) rollBack(ctx context.Context, conn *pgxpool.Conn) {
	if conn.Conn().IsClosed() || conn.Conn().PgConn().TxStatus() == 'I' {
		return
	}
	undoCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if simple(undoCtx, conn.Conn(), "ROLLBACK") != nil {
		conn.Conn().Close(undoCtx)
	}
}
