package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Same finds two of the databases that are one, reached by two names: the
// indexes of the first such pair, or ok false. It takes locks that nobody else
// waits for: what is held in one database is held in no other. That asks for no
// right, writes nothing, and goes through a pooler. Databases that do not answer
// are left out.
func Same(ctx context.Context, databases []*DB, key int64) (first, second int, ok bool) {
	var held []pgx.Tx
	defer func() {
		for _, tx := range held {
			if tx != nil {
				_ = tx.Rollback(context.WithoutCancel(ctx)) // it has changed nothing
			}
		}
	}()
	for i, db := range databases {
		tx, err := db.pool.Begin(ctx)
		if err != nil {
			held = append(held, nil)
			continue
		}
		held = append(held, tx)
		var free bool
		err = tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1) AND pg_try_advisory_xact_lock($2)", key, key+1+int64(i)).Scan(&free)
		if err != nil || free {
			continue
		}
		for earlier := range i {
			err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1)", key+1+int64(earlier)).Scan(&free)
			if err == nil && !free {
				return earlier, i, true
			}
			if errors.Is(ctx.Err(), context.Canceled) {
				break
			}
		}
	}
	return 0, 0, false
}
