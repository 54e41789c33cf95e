package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/loop"
)

// The lease is a row that runs out, by the database's clock: a session lock
// would not work through a pooler.

const holdLease = `INSERT INTO tenantry.lease AS l (name, holder, expires_at) VALUES ('loop', $1, clock_timestamp() + $2::interval)
	ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
	WHERE l.holder = excluded.holder OR l.expires_at < clock_timestamp()`

// Hold implements loop.Control.
func (db *DB) Hold(ctx context.Context, holder string, ttl time.Duration) (loop.Shared, error) {
	if _, err := db.pool.Exec(ctx, holdLease, holder, ttl); err != nil {
		return loop.Shared{}, db.wrap(err)
	}
	return db.Shared(ctx)
}

// Shared implements loop.Control.
func (db *DB) Shared(ctx context.Context) (out loop.Shared, err error) {
	err = db.past(ctx, func(tx pgx.Tx) error {
		var there bool // an older reconcile may have made the control schema, and this one only read
		if err := tx.QueryRow(ctx, "SELECT to_regclass('tenantry.lease') IS NOT NULL").Scan(&there); err != nil || !there {
			return err
		}
		err := tx.QueryRow(ctx, "SELECT holder FROM tenantry.lease WHERE name = 'loop' AND expires_at >= clock_timestamp()").Scan(&out.Holder)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		p := loop.Pause{}
		err = tx.QueryRow(ctx, "SELECT reason, paused_by, since, until FROM tenantry.pause WHERE until > clock_timestamp()").Scan(&p.Reason, &p.By, &p.Since, &p.Until)
		if err == nil {
			out.Pause = &p
		} else if errors.Is(err, pgx.ErrNoRows) {
			err = nil
		}
		return err
	})
	return out, err
}

// Release implements loop.Control.
func (db *DB) Release(ctx context.Context, holder string) error {
	_, err := db.pool.Exec(ctx, "DELETE FROM tenantry.lease WHERE name = 'loop' AND holder = $1", holder)
	return db.wrap(err)
}

// SetPause implements loop.Control.
func (db *DB) SetPause(ctx context.Context, p *loop.Pause) error {
	if p == nil {
		_, err := db.pool.Exec(ctx, "DELETE FROM tenantry.pause")
		return db.wrap(err)
	}
	_, err := db.pool.Exec(ctx, `INSERT INTO tenantry.pause (name, reason, paused_by, since, until) VALUES ('loop', $1, $2, $3, $4)
		ON CONFLICT (name) DO UPDATE SET reason = excluded.reason, paused_by = excluded.paused_by, since = excluded.since, until = excluded.until`, p.Reason, p.By, p.Since, p.Until)
	return db.wrap(err)
}
