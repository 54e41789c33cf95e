package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"tenantry/reconcile"
)

// Runs implements reconcile.Database.
func (db *DB) Runs(ctx context.Context, limit int) (out []reconcile.PastRun, err error) {
	err = db.past(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT r.id, r.started_at, r.ended_at, r.revision, r.plan_id, r.run_by, coalesce(r.outcome, ''),
				(SELECT count(DISTINCT c.schema) FROM tenantry.change c WHERE c.run = r.id)::int
			FROM tenantry.run r ORDER BY r.started_at DESC, r.id DESC LIMIT $1`, limit)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (reconcile.PastRun, error) {
			r := reconcile.PastRun{Database: db.name}
			return r, row.Scan(&r.ID, &r.Started, &r.Ended, &r.Revision, &r.PlanID, &r.By, &r.Outcome, &r.Changes)
		})
		return err
	})
	return out, err
}

// Changes implements reconcile.Database.
func (db *DB) Changes(ctx context.Context, tenant string, limit int) (out []reconcile.PastChange, err error) {
	err = db.past(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT c.run, r.revision, r.run_by, c.tenant, c.schema, c.applied_at, c.base, c.result, c.statements, c.reverse
			FROM tenantry.change c JOIN tenantry.run r ON r.id = c.run
			WHERE $1 = '' OR c.tenant = $1 ORDER BY c.id DESC LIMIT $2`, tenant, limit)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (reconcile.PastChange, error) {
			c := reconcile.PastChange{Database: db.name}
			return c, row.Scan(&c.RunID, &c.Revision, &c.By, &c.Tenant, &c.Schema, &c.Applied, &c.Base, &c.Result, &c.Statements, &c.Reverse)
		})
		return err
	})
	return out, err
}

// past runs f where there is a control schema; before the first apply there is
// no past.
func (db *DB) past(ctx context.Context, f func(pgx.Tx) error) error {
	return db.wrap(db.reading(ctx, func(tx pgx.Tx) error {
		if exists, _, err := db.managed(ctx, tx); err != nil || !exists {
			return err
		}
		return f(tx)
	}))
}
