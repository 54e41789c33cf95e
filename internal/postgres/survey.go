package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Schemas returns the names of all schemas but PostgreSQL's own and Tenantry's,
// sorted in bytes.
func (db *DB) Schemas(ctx context.Context) (names []string, err error) {
	err = db.reading(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT nspname::text FROM pg_namespace
			WHERE nspname !~ '^(pg_|tenantry_scratch_)' AND nspname NOT IN ('information_schema', 'tenantry') ORDER BY nspname COLLATE "C"`)
		if err != nil {
			return err
		}
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return names, db.wrap(err)
}

// Columns returns the columns of each table of a schema in their order.
func (db *DB) Columns(ctx context.Context, schema string) (map[string][]string, error) {
	out := make(map[string][]string)
	err := db.reading(ctx, func(tx pgx.Tx) error {
		rows, err := db.catalog(ctx, tx, []string{schema}, catalogCTE+`
			SELECT o.relname::text, a.attname::text FROM rel o
			JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE `+tableKinds+` ORDER BY o.oid, a.attnum`, []string{schema})
		if err != nil {
			return err
		}
		var table, column string
		_, err = pgx.ForEachRow(rows, []any{&table, &column}, func() error {
			out[table] = append(out[table], column)
			return nil
		})
		return err
	})
	return out, db.wrap(err)
}
