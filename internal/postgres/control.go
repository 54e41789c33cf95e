package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/reconcile"
	"tenantry/schema"
)

// The control schema "tenantry" holds what was done to this database, and is
// written in the transactions that do it, so that the two cannot disagree. It
// is made by the first apply. Applications may read its view "tenants".

// migrations lead from each version of the control schema to the next; the
// version is the number of those that have run. They are never changed, only
// added to.
var migrations = []string{`
CREATE SCHEMA IF NOT EXISTS tenantry;
COMMENT ON SCHEMA tenantry IS 'What Tenantry did to this database. Written by reconcile; applications may read the view tenants.';
CREATE TABLE tenantry.version (version integer NOT NULL);
INSERT INTO tenantry.version VALUES (0);
CREATE TABLE tenantry.blueprint (
	digest text NOT NULL,
	engine text NOT NULL,
	server_version integer NOT NULL, -- the major version
	compiled jsonb NOT NULL,
	compiled_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (digest, engine, server_version)
);
CREATE TABLE tenantry.run (
	id text PRIMARY KEY,
	started_at timestamptz NOT NULL,
	ended_at timestamptz,
	revision text NOT NULL, -- git commit, or empty
	plan_id text NOT NULL,
	run_by text NOT NULL,
	outcome text -- done, failed; null while it runs, and where it was killed
);
CREATE TABLE tenantry.target (
	schema text PRIMARY KEY,
	tenant text NOT NULL,
	shared boolean NOT NULL,
	blueprint text NOT NULL, -- the digest that it was last brought to, or empty
	structure text NOT NULL, -- the fingerprint it then had
	objects text NOT NULL,
	token text NOT NULL, -- while the catalog rows have it, the fingerprint still stands
	status text NOT NULL, -- applied, between (a step is half done), partly (not all could be planned), failed
	error text NOT NULL,
	applied_at timestamptz, -- when it was last changed
	attempted_at timestamptz NOT NULL, -- when a run last did something about it
	run text REFERENCES tenantry.run (id)
);
CREATE TABLE tenantry.change (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	run text NOT NULL REFERENCES tenantry.run (id),
	schema text NOT NULL,
	tenant text NOT NULL,
	base text NOT NULL, -- the fingerprint before; empty where there was no schema
	result text NOT NULL, -- the fingerprint after
	statements text[] NOT NULL,
	reverse text[] NOT NULL, -- what undoes them, in the order to run it in
	applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX change_schema_idx ON tenantry.change (schema, id);
CREATE VIEW tenantry.tenants AS
	SELECT tenant AS id, schema, status, blueprint, applied_at FROM tenantry.target WHERE NOT shared AND blueprint <> '';
COMMENT ON VIEW tenantry.tenants IS 'The tenants that are ready, for applications to route by.';
`, `
CREATE TABLE tenantry.lease (
	name text PRIMARY KEY,
	holder text NOT NULL, -- the replica of reconcile serve that brings about changes
	expires_at timestamptz NOT NULL
);
CREATE TABLE tenantry.pause (
	name text PRIMARY KEY,
	reason text NOT NULL,
	paused_by text NOT NULL,
	since timestamptz NOT NULL,
	until timestamptz NOT NULL
);
CREATE TABLE tenantry.audit (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	who text NOT NULL,
	role text NOT NULL,
	address text NOT NULL, -- where the request came from
	operation text NOT NULL,
	subject text NOT NULL, -- the tenant, plan or whatever it was about
	detail text NOT NULL, -- what was asked for, as JSON
	request text NOT NULL, -- the request's id, which logs have too
	status integer -- of the answer; null where the process ended before
);
`, lifeColumns, horizonTable, accessColumns, placeColumns, migrationTable, besideColumn, loosened}

// loosened is the step that took the references to runs away: every target's
// transaction would lock the row of its run, and wait for the others that do.
const loosened = `
ALTER TABLE tenantry.target DROP CONSTRAINT IF EXISTS target_run_fkey;
ALTER TABLE tenantry.change DROP CONSTRAINT IF EXISTS change_run_fkey;
`

// Prepare implements reconcile.Database. Where nothing is to be made it only
// reads.
func (db *DB) Prepare(ctx context.Context) error {
	if err := db.create(ctx); err != nil {
		return err
	}
	ready := false
	err := db.reading(ctx, func(tx pgx.Tx) error {
		version, functions, err := db.prepared(ctx, tx)
		ready = version == len(migrations) && functions
		return err
	})
	if err == nil && !ready {
		err = db.makeReady(ctx)
	}
	db.ready.Store(err == nil)
	return db.wrap(err)
}

// whileReady asks what the control schema must be ready for, and reports whether that
// was so: somebody may have dropped it.
func (db *DB) whileReady(ask func() error) (asked bool, err error) {
	if !db.ready.Load() {
		return false, nil
	}
	err = ask()
	if refusedWith(err, "42883") || refusedWith(err, "42P01") || refusedWith(err, "3F000") { // no such function, table or schema
		db.ready.Store(false)
		return false, nil
	}
	return true, err
}

// makeReady brings the control schema up to date.
func (db *DB) makeReady(ctx context.Context) error {
	return pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		// One process at a time; the lock is gone with the transaction.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('tenantry control schema', 0))"); err != nil {
			return err
		}
		return db.migrate(ctx, tx)
	})
}

// prepared returns the version of the control schema, 0 where there is none, and
// whether the functions that an apply needs are there.
func (db *DB) prepared(ctx context.Context, tx pgx.Tx) (version int, functions bool, err error) {
	exists, functions, err := db.managed(ctx, tx)
	if err != nil || !exists {
		return 0, false, err
	}
	err = tx.QueryRow(ctx, "SELECT version FROM tenantry.version").Scan(&version)
	return version, functions, err
}

func (db *DB) migrate(ctx context.Context, tx pgx.Tx) error {
	version, functions, err := db.prepared(ctx, tx)
	if err != nil {
		return err
	}
	if version > len(migrations) {
		return fmt.Errorf("its control schema is of version %d and this reconcile knows up to %d: use a newer reconcile", version, len(migrations))
	}
	if db.citus.found {
		if _, err := tx.Exec(ctx, shardingOff); err != nil {
			return err
		}
	}
	for i := version; i < len(migrations); i++ {
		if err := simple(ctx, tx.Conn(), migrations[i]); err != nil {
			return err
		}
	}
	if version < len(migrations) {
		if _, err := tx.Exec(ctx, "UPDATE tenantry.version SET version = $1", len(migrations)); err != nil {
			return err
		}
	}
	if functions {
		return nil
	}
	return simple(ctx, tx.Conn(), db.functions.create())
}

// records returns every record, or those of the schemas named, ordered by schema.
// A dry run reads what an older reconcile has left, and may not bring it forward:
// a column that is not there yet is found around the query, with what it means.
func records(ctx context.Context, tx pgx.Tx, schemas []string, all bool) ([]reconcile.Record, error) {
	return recordsWhere(ctx, tx, "$1 OR schema = ANY ($2::text[]) OR home = ANY ($2::text[])", all, schemas)
}

// RecordsOf implements reconcile.Database.
func (db *DB) RecordsOf(ctx context.Context, tenants []string) (out []reconcile.Record, err error) {
	const ofTenants = "NOT shared AND tenant = ANY ($1::text[])"
	asked, err := db.whileReady(func() error { // an apply that asks is in a hurry
		out, err = recordsWhere(ctx, db.pool, ofTenants, tenants)
		return err
	})
	if asked {
		return out, db.wrap(err)
	}
	err = db.reading(ctx, func(tx pgx.Tx) error {
		there, _, err := db.managed(ctx, tx)
		if err != nil || !there {
			return err
		}
		out, err = recordsWhere(ctx, tx, ofTenants, tenants)
		return err
	})
	return out, db.wrap(err)
}

// asker is a transaction, or a pool of connections.
type asker interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func recordsWhere(ctx context.Context, tx asker, where string, args ...any) ([]reconcile.Record, error) {
	rows, err := tx.Query(ctx, `SELECT r.* FROM (VALUES (''::text, ''::text, '{}'::text, 'active'::text, false, ''::text, NULL::timestamptz, false, ''::text, ''::text, ''::text))
			AS without (name, database, labels, state, protected, home, retired_at, gone, access, role, withdrawn), LATERAL (SELECT schema, tenant, shared, blueprint, structure, objects, token, status, error, applied_at, attempted_at, coalesce(run, ''),
			name, database, labels, state, protected, home, retired_at, gone, access, role, withdrawn
		FROM tenantry.target WHERE `+where+`) r ORDER BY schema COLLATE "C"`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r reconcile.Record, err error) {
		var appliedAt, retiredAt *time.Time
		err = row.Scan(&r.Schema, &r.Tenant, &r.Shared, &r.Blueprint, &r.Fingerprint.Structure, &r.Fingerprint.Objects, &r.Token, &r.Status, &r.Error, &appliedAt, &r.AttemptedAt, &r.RunID,
			&r.Name, &r.Database, &r.Labels, &r.State, &r.Protected, &r.Home, &retiredAt, &r.Gone, &r.Access, &r.Role, &r.Withdrawn)
		if retiredAt != nil {
			r.RetiredAt = *retiredAt
		}
		if appliedAt != nil {
			r.AppliedAt = *appliedAt
		}
		return r, err
	})
}

// Compiled implements reconcile.Database.
func (db *DB) Compiled(ctx context.Context, engine string, digests []string) ([]*schema.Compiled, error) {
	rows, err := db.pool.Query(ctx, "SELECT compiled FROM tenantry.blueprint WHERE engine = $1 AND server_version = $2 AND digest = ANY ($3::text[]) ORDER BY digest", compiledBy(engine), db.version/10000, digests)
	if err != nil {
		return nil, db.wrap(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*schema.Compiled, error) {
		var text []byte
		if err := row.Scan(&text); err != nil {
			return nil, err
		}
		c := new(schema.Compiled)
		return c, json.Unmarshal(text, c)
	})
	return out, db.wrap(err)
}

// compiledBy is what blueprints are stored under as compiled: the engine, and the
// form that their lines have.
func compiledBy(engine string) string { return fmt.Sprintf("%s, lines %d", engine, schema.LineForm) }

// StoreCompiled implements reconcile.Database.
func (db *DB) StoreCompiled(ctx context.Context, engine string, compiled []*schema.Compiled) error {
	batch := &pgx.Batch{}
	for _, c := range compiled {
		text, err := json.Marshal(c)
		if err != nil {
			return err
		}
		batch.Queue("INSERT INTO tenantry.blueprint (digest, engine, server_version, compiled) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", c.Digest, compiledBy(engine), db.version/10000, string(text))
	}
	return db.wrap(db.pool.SendBatch(ctx, batch).Close())
}

// Begin implements reconcile.Database.
func (db *DB) Begin(ctx context.Context, run reconcile.Run) error {
	_, err := db.pool.Exec(ctx, "INSERT INTO tenantry.run (id, started_at, revision, plan_id, run_by) VALUES ($1, $2, $3, $4, $5)", run.ID, run.Started, run.Revision, run.PlanID, run.By)
	return db.wrap(err)
}

// End implements reconcile.Database.
func (db *DB) End(ctx context.Context, run reconcile.Run, outcome string) error {
	_, err := db.pool.Exec(ctx, "UPDATE tenantry.run SET ended_at = clock_timestamp(), outcome = $2 WHERE id = $1", run.ID, outcome)
	return db.wrap(err)
}

const upsertTarget = `INSERT INTO tenantry.target (schema, tenant, shared, blueprint, structure, objects, token, status, error, applied_at, run,
		name, database, labels, state, protected, home, retired_at, gone, access, role, withdrawn, attempted_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, clock_timestamp())
	ON CONFLICT (schema) DO UPDATE SET tenant = excluded.tenant, shared = excluded.shared, blueprint = excluded.blueprint, structure = excluded.structure,
		objects = excluded.objects, token = excluded.token, status = excluded.status, error = excluded.error, applied_at = coalesce(excluded.applied_at, tenantry.target.applied_at),
		name = excluded.name, database = excluded.database, labels = excluded.labels, state = excluded.state, protected = excluded.protected, home = excluded.home,
		retired_at = excluded.retired_at, gone = excluded.gone, access = excluded.access, role = excluded.role, withdrawn = excluded.withdrawn, attempted_at = excluded.attempted_at, run = excluded.run`

// upsertBetween records a place between the old and the new, and of which step it is
// and how far: what the target was last brought to stands until it is brought to
// another.
const upsertBetween = `INSERT INTO tenantry.target (schema, tenant, shared, blueprint, structure, objects, token, status, error, applied_at, run,
		name, database, labels, state, protected, home, retired_at, gone, access, role, withdrawn, attempted_at, step, parts_done, beside)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, clock_timestamp(), $23, $24, $25)
	ON CONFLICT (schema) DO UPDATE SET structure = excluded.structure, objects = excluded.objects, token = excluded.token,
		status = excluded.status, error = excluded.error, applied_at = excluded.applied_at, attempted_at = excluded.attempted_at, run = excluded.run,
		home = excluded.home, retired_at = excluded.retired_at, access = excluded.access, step = excluded.step, parts_done = excluded.parts_done, beside = excluded.beside`

// recordTypes are the arguments of upsertTarget as those of a function, and
// betweenTypes what upsertBetween has beside them.
const recordTypes = `r_schema text, r_tenant text, r_shared boolean, r_blueprint text, r_structure text, r_objects text, r_token text, r_status text, r_error text, r_applied_at timestamptz, r_run text,
	r_name text, r_database text, r_labels text, r_state text, r_protected boolean, r_home text, r_retired_at timestamptz, r_gone boolean, r_access text, r_role text, r_withdrawn text`
const betweenTypes = `given_step text, given_done integer, given_beside text`

func recordArgs(run reconcile.Run, r reconcile.Record) []any {
	return []any{
		r.Schema, r.Tenant, r.Shared, r.Blueprint, r.Fingerprint.Structure, r.Fingerprint.Objects, r.Token, string(r.Status), r.Error, orNull(r.AppliedAt), run.ID,
		r.Name, r.Database, r.Labels, string(r.State), r.Protected, r.Home, orNull(r.RetiredAt), r.Gone, r.Access, r.Role, r.Withdrawn,
	}
}

// betweenArgs are the arguments of upsertBetween. beside is the fingerprint of all but
// the index that the next part builds or drops, where it has begun.
func betweenArgs(run reconcile.Run, r reconcile.Record, step string, done int, beside string) []any {
	return append(recordArgs(run, r), step, done, beside)
}

// orNull returns a time, or NULL for none.
func orNull(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// Record implements reconcile.Database.
func (db *DB) Record(ctx context.Context, run reconcile.Run, records []reconcile.Record) error {
	batch := &pgx.Batch{}
	for _, r := range records {
		batch.Queue(upsertTarget, recordArgs(run, r)...)
	}
	return db.wrap(db.pool.SendBatch(ctx, batch).Close())
}

// RecordFailure implements reconcile.Database. What the target was last brought
// to stays on record, and that it is between the old and the new.
func (db *DB) RecordFailure(ctx context.Context, run reconcile.Run, r reconcile.Record, cause string) error {
	_, err := db.pool.Exec(ctx, `INSERT INTO tenantry.target (schema, tenant, shared, blueprint, structure, objects, token, status, error, attempted_at, run)
		VALUES ($1, $2, $3, '', '', '', '', $4, $5, clock_timestamp(), $6)
		ON CONFLICT (schema) DO UPDATE SET status = CASE tenantry.target.status WHEN 'between' THEN 'between' ELSE excluded.status END, error = excluded.error, attempted_at = excluded.attempted_at, run = excluded.run`,
		r.Schema, r.Tenant, r.Shared, string(r.Status), cause, run.ID)
	return db.wrap(err)
}
