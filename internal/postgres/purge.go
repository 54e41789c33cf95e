package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/reconcile"
	"tenantry/schema"
)

// DROP SCHEMA … CASCADE locks everything that it drops, down to defaults and
// triggers, in one transaction: a schema of a few thousand tables asks for more
// locks than a server has for all. So a schema is dropped bit by bit, in
// transactions that hold no more locks than max_locks_per_transaction grants to
// one. Each is committed, so a purge that is interrupted goes on where it was.

// lockReserve is how many locks a transaction of a purge holds besides those on
// what it drops: on the run's own tables, the schema, and the target's own.
const lockReserve = 12

// dropsQuery lists what the schema $1 holds, the cheapest first, so that what
// depends on something comes before it: a statement that drops it, and how many
// locks that takes at most. Each object that goes with it is locked, and both
// tables of a foreign key.
const dropsQuery = `
WITH RECURSIVE ns AS (
	SELECT n.oid FROM pg_namespace n WHERE n.nspname = $1
), root AS (
	SELECT d.classid, d.objid FROM ns JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = ns.oid
	WHERE d.classid <> 'pg_default_acl'::regclass AND NOT EXISTS (
		SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.objsubid = 0 AND e.deptype IN ('e', 'i'))
), gone (rootclass, root, classid, objid) AS (
	SELECT r.classid, r.objid, r.classid, r.objid FROM root r
	UNION
	SELECT g.rootclass, g.root, d.classid, d.objid FROM gone g JOIN pg_depend d ON d.refclassid = g.classid AND d.refobjid = g.objid
), cost AS (
	SELECT g.rootclass, g.root, count(*) + 2 * count(*) FILTER (WHERE g.classid = 'pg_constraint'::regclass) + 1 AS locks FROM gone g GROUP BY 1, 2
)
SELECT 'DROP ' || CASE i.type WHEN 'statistics object' THEN 'STATISTICS' ELSE upper(i.type) END || ' IF EXISTS ' || i.identity || ' CASCADE', c.locks
FROM cost c, LATERAL pg_identify_object(c.rootclass, c.root, 0) i
WHERE i.type IS NOT NULL
ORDER BY c.locks, i.identity COLLATE "C"`

// outsideQuery lists what would be dropped with the schema $1 and is not in it.
const outsideQuery = `
WITH RECURSIVE ns AS (
	SELECT n.oid FROM pg_namespace n WHERE n.nspname = $1
), gone (classid, objid) AS (
	SELECT d.classid, d.objid FROM ns JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = ns.oid
	UNION
	SELECT d.classid, d.objid FROM gone g JOIN pg_depend d ON d.refclassid = g.classid AND d.refobjid = g.objid
), outside AS (
	SELECT g.classid, g.objid, CASE g.classid
		WHEN 'pg_class'::regclass THEN (SELECT c.relnamespace FROM pg_class c WHERE c.oid = g.objid AND c.relkind <> 't' AND c.relnamespace <> 'pg_toast'::regnamespace)
		WHEN 'pg_constraint'::regclass THEN (SELECT k.connamespace FROM pg_constraint k WHERE k.oid = g.objid)
		WHEN 'pg_proc'::regclass THEN (SELECT p.pronamespace FROM pg_proc p WHERE p.oid = g.objid)
		WHEN 'pg_type'::regclass THEN (SELECT t.typnamespace FROM pg_type t WHERE t.oid = g.objid AND t.typnamespace <> 'pg_toast'::regnamespace)
		WHEN 'pg_rewrite'::regclass THEN (SELECT c.relnamespace FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class WHERE w.oid = g.objid)
		WHEN 'pg_policy'::regclass THEN (SELECT c.relnamespace FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE p.oid = g.objid)
		WHEN 'pg_attrdef'::regclass THEN (SELECT c.relnamespace FROM pg_attrdef a JOIN pg_class c ON c.oid = a.adrelid WHERE a.oid = g.objid)
	END AS home
	FROM gone g
)
SELECT pg_describe_object(o.classid, o.objid, 0) FROM outside o, ns WHERE o.home <> ns.oid ORDER BY 1 LIMIT 10`

// Purge implements reconcile.Purger.
func (db *DB) Purge(ctx context.Context, run reconcile.Run, r reconcile.Record, lockTimeout time.Duration) (dropped int, err error) {
	p := purge{db: db, run: run, record: r, lockTimeout: lockTimeout}
	if err := p.begin(ctx); err != nil {
		return 0, err
	}
	var locks int
	if err := db.pool.QueryRow(ctx, "SELECT current_setting('max_locks_per_transaction')::int").Scan(&locks); err != nil {
		return 0, db.wrap(err)
	}
	drops, err := p.drops(ctx)
	if err != nil {
		return 0, err
	}
	for _, batch := range batches(drops, locks-lockReserve) {
		if err := p.inTransaction(ctx, batch...); err != nil {
			return dropped, err
		}
		dropped += len(batch)
	}
	return dropped, p.end(ctx, dropped)
}

// purge is one schema's.
type purge struct {
	db          *DB
	run         reconcile.Run
	record      reconcile.Record
	lockTimeout time.Duration
}

// A drop is a statement and how many locks it takes.
type drop struct {
	sql   string
	locks int
}

// batches puts drops together whose locks do not exceed most. One that takes
// more goes alone.
func batches(drops []drop, most int) (out [][]string) {
	left := 0
	for _, d := range drops {
		if len(out) == 0 || d.locks > left {
			out, left = append(out, nil), most
		}
		out[len(out)-1] = append(out[len(out)-1], d.sql)
		left -= d.locks
	}
	return out
}

// begin marks the record: from here there is no way back.
func (p *purge) begin(ctx context.Context) error {
	return p.transaction(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, outsideQuery, p.record.Schema)
		if err != nil {
			return err
		}
		outside, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		if len(outside) > 0 {
			return fmt.Errorf("other schemas need it: drop them first: %s", strings.Join(outside, ", "))
		}
		tag, err := tx.Exec(ctx, "UPDATE tenantry.target SET state = 'purging' WHERE schema = $1 AND state IN ('retired', 'purging') AND NOT protected", p.record.Schema)
		if err == nil && tag.RowsAffected() != 1 {
			err = &reconcile.StaleError{Key: reconcile.Key{Database: p.db.name, Schema: p.record.Schema}}
		}
		return err
	})
}

// drops lists what there is to drop.
func (p *purge) drops(ctx context.Context) (out []drop, err error) {
	err = p.db.reading(ctx, func(tx pgx.Tx) error {
		rows, err := p.db.catalog(ctx, tx, []string{p.record.Schema}, dropsQuery, p.record.Schema)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d drop, err error) { return d, row.Scan(&d.sql, &d.locks) })
		return err
	})
	return out, p.db.wrap(err)
}

// end drops the schema itself with its record, and the role of the tenant's own
// where nothing else needs it.
func (p *purge) end(ctx context.Context, dropped int) error {
	r := p.record
	return p.transaction(ctx, func(tx pgx.Tx) error {
		statement := "DROP SCHEMA IF EXISTS " + schema.QuoteIdent(r.Schema) + " CASCADE"
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM tenantry.target WHERE schema = $1", r.Schema); err != nil {
			return err
		}
		if r.Role != "" {
			if _, err := tx.Exec(ctx, dropRole(r.Role)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "INSERT INTO tenantry.change (run, schema, tenant, base, result, statements, reverse) VALUES ($1, $2, $3, $4, '', $5, '{}')",
			p.run.ID, r.Schema, r.Tenant, r.Fingerprint.String(), []string{fmt.Sprintf("-- dropped in batches: %d objects", dropped), statement})
		return err
	})
}

// dropRole drops a role that no target has any more, where nothing on the server
// depends on it and we may.
func dropRole(role string) string {
	name := literal(role)
	return "DO $drop$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = " + name + ") AND NOT EXISTS (SELECT FROM tenantry.target WHERE role = " + name + ") THEN DROP ROLE " + schema.QuoteIdent(role) +
		"; END IF; EXCEPTION WHEN dependent_objects_still_exist OR object_in_use OR insufficient_privilege THEN NULL; END $drop$"
}

func (p *purge) inTransaction(ctx context.Context, statements ...string) error {
	return p.transaction(ctx, func(tx pgx.Tx) error {
		return simple(ctx, tx.Conn(), strings.Join(statements, ";\n"))
	})
}

// purgeAttempts is how often a transaction is tried that finds locks taken.
const purgeAttempts = 5

// transaction runs f with the target's lock, again where another was in its way.
func (p *purge) transaction(ctx context.Context, f func(pgx.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := pgx.BeginFunc(ctx, p.db.pool, func(tx pgx.Tx) error {
			var free bool
			err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock(hashtextextended('tenantry target ' || $1, 0)) FROM set_config('lock_timeout', $2, true)",
				p.record.Schema, fmt.Sprintf("%dms", p.lockTimeout.Milliseconds())).Scan(&free)
			if err == nil && !free {
				err = reconcile.ErrBusy
			}
			if err != nil {
				return err
			}
			return f(tx)
		})
		if err == nil || !Retryable(err) && err != reconcile.ErrBusy || attempt == purgeAttempts {
			return p.db.wrap(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond << attempt):
		}
	}
}
