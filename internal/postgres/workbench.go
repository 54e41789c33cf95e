package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"tenantry/schema"
)

// workbench is a transaction on a connection of its own, for the Atlas library,
// which speaks database/sql.
type workbench struct {
	*sql.Tx
	pool    *sql.DB // closed with it; nil where others use it too
	version int
	lookers string // the schema of the functions that look at a schema
}

// benchRest is how long a workbench's connection is kept for the next one: that it
// has read the catalogs' own definitions saves more than that it is there.
const benchRest = 10 * time.Second

// openBenches returns connections for workbenches, so many of which are kept.
func openBenches(config *pgx.ConnConfig, kept int) *sql.DB {
	pool := stdlib.OpenDB(*config)
	pool.SetMaxIdleConns(kept)
	pool.SetConnMaxIdleTime(benchRest)
	return pool
}

// Workbench implements reconcile.Database: a workbench in this database.
func (db *DB) Workbench(ctx context.Context) (schema.Workbench, error) {
	if err := db.answers(); err != nil {
		return nil, err
	}
	var wb *workbench
	var err error
	if db.missing() {
		config := db.config.ConnConfig.Copy()
		config.Database = maintenance
		wb, err = openWorkbench(ctx, config)
	} else {
		wb, err = beginWorkbench(ctx, db.benches)
	}
	if err != nil {
		return nil, db.wrap(err)
	}
	return wb, nil
}

// DevWorkbench opens a workbench in a dev database. Its server must have the
// major version of the database that is planned for, or definitions would not
// compare.
func (db *DB) DevWorkbench(ctx context.Context, url string) (schema.Workbench, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("dev database: its URL is not one that PostgreSQL understands")
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	watch(config, devSilent)
	wb, err := openWorkbench(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("dev database: %s", connectReason(err))
	}
	if wb.version/10000 != db.version/10000 {
		wb.Close()
		return nil, fmt.Errorf("dev database: it is PostgreSQL %d, and database %s is %d: they must be the same", wb.version/10000, db.name, db.version/10000)
	}
	return wb, nil
}

// openWorkbench opens a workbench on a connection that goes with it.
func openWorkbench(ctx context.Context, config *pgx.ConnConfig) (*workbench, error) {
	pool := openBenches(config, 0)
	wb, err := beginWorkbench(ctx, pool)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	wb.pool = pool
	return wb, nil
}

func beginWorkbench(ctx context.Context, pool *sql.DB) (*workbench, error) {
	rested := pool.Stats().Idle // any of which may have been cut meanwhile
	tx, err := pool.BeginTx(ctx, nil)
	for ; err != nil && rested > 0 && Retryable(err); rested-- {
		tx, err = pool.BeginTx(ctx, nil)
	}
	if err != nil {
		return nil, err
	}
	wb := &workbench{Tx: tx}
	// Bodies of functions may name what is only built later. And compiling Atlas's
	// queries of a large catalog takes longer than running them.
	err = tx.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int, set_config('check_function_bodies', 'off', true), set_config('jit', 'off', true), set_config('citus.enable_schema_based_sharding', 'off', true)").
		Scan(&wb.version, new(string), new(string), new(string))
	if err != nil {
		wb.Close()
		return nil, err
	}
	wb.lookers = schema.QuoteIdent("tenantry_scratch_" + rand.Text()[:12])
	if _, err := tx.ExecContext(ctx, createLookers(wb.lookers, wb.version)); err != nil {
		wb.Close()
		return nil, err
	}
	return wb, nil
}

// ExecContext says in errors all that PostgreSQL says: which objects are in the
// way is in the details.
func (wb *workbench) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	result, err := wb.Tx.ExecContext(ctx, query, args...)
	if err != nil {
		err = &saidError{err}
	}
	return result, err
}

type saidError struct{ error }

func (e *saidError) Error() string { return Message(e.error) }

func (e *saidError) Unwrap() error { return e.error }

// Character returns at which character of the statement it came up, counted from 1,
// or 0. See schema.Workbench.
func (e *saidError) Character() int {
	var pg *pgconn.PgError
	if errors.As(e.error, &pg) {
		return int(pg.Position)
	}
	return 0
}

// Lines implements schema.Workbench.
func (wb *workbench) Lines(ctx context.Context, name string) ([]schema.Line, error) {
	rows, err := wb.QueryContext(ctx, "SELECT * FROM "+wb.lookers+".lines($1, NULL, NULL)", name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var lines []schema.Line
	for rows.Next() {
		var l schema.Line
		if err := rows.Scan(&l.Kind, &l.Table, &l.Name, &l.Definition); err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	schema.SortLines(lines)
	return lines, rows.Err()
}

// Marks implements schema.Workbench.
func (wb *workbench) Marks(ctx context.Context, name string) (map[schema.Place]string, error) {
	rows, err := wb.QueryContext(ctx, "SELECT * FROM "+wb.lookers+".marks($1)", name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	marks := make(map[schema.Place]string)
	for rows.Next() {
		var at schema.Place
		var mark string
		if err := rows.Scan(&at.Relation, &at.Catalog, &mark); err != nil {
			return nil, err
		}
		marks[at] += mark + " "
	}
	return marks, rows.Err()
}

// Close implements schema.Workbench.
func (wb *workbench) Close() error {
	err := wb.Rollback()
	if errors.Is(err, sql.ErrTxDone) {
		err = nil
	}
	if wb.pool != nil {
		err = errors.Join(err, wb.pool.Close())
	}
	return err
}
