package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"tenantry/reconcile"
)

// A horizon is what a run that has found every token standing leaves behind, so
// that the next one need not read them: how many rows the catalogs had, and the
// oldest transaction that was still running then. While they have as many, and
// none of them is of that transaction or a later one, they are the same rows:
// without a new row a count can only fall. Everything else that moves the counts,
// such as temporary tables, only means that the tokens are read again.
type horizon struct {
	XID    string   `json:"xid"`    // as PostgreSQL's xid8
	Counts []int64  `json:"counts"` // of the rows of horizonCatalogs
	Unsure []string `json:"unsure"` // schemas on record that were not looked at, or whose token had moved
}

// horizonCatalogs are those that tokens are made from.
var horizonCatalogs = []string{
	"pg_namespace", "pg_class", "pg_attribute", "pg_attrdef", "pg_constraint", "pg_index", "pg_type", "pg_enum", "pg_description", "pg_depend",
	"pg_sequence", "pg_trigger", "pg_policy", "pg_rewrite", "pg_inherits", "pg_proc", "pg_statistic_ext", "pg_default_acl",
}

// horizonTable is the step of the control schema that brought the horizon.
const horizonTable = `
CREATE TABLE tenantry.horizon (
	id boolean PRIMARY KEY DEFAULT true CHECK (id), -- there is one
	kept text NOT NULL -- JSON; see internal/postgres/horizon.go
);
`

// countsQuery returns the counts, and how many rows are of the transaction $1 or
// a later one. A transaction's age is how many have begun since: see age in
// https://www.postgresql.org/docs/current/functions-info.html.
var countsQuery = func() string {
	var parts []string
	for i, catalog := range horizonCatalogs {
		parts = append(parts, fmt.Sprintf("SELECT %d AS i, count(*) AS n, count(*) FILTER (WHERE age(c.xmin) <= h.age) AS newer FROM h, pg_catalog.%s c", i, catalog))
	}
	return "WITH h AS MATERIALIZED (SELECT age($1::xid8::xid) AS age) SELECT array_agg(n ORDER BY i), sum(newer)::bigint FROM (" + strings.Join(parts, " UNION ALL ") + ") counts"
}()

// standing returns the schemas of which the horizon says that they are as they
// are recorded; ok is false where it says nothing.
func (db *DB) standing(ctx context.Context, tx pgx.Tx, records []reconcile.Record) (standing map[string]bool, ok bool, err error) {
	kept, err := keptHorizon(ctx, tx)
	if err != nil || kept == nil {
		return nil, false, err
	}
	counts, newer, err := countRows(ctx, tx, kept.XID)
	if err != nil || newer > 0 || !slices.Equal(counts, kept.Counts) {
		return nil, false, err
	}
	// What was recorded since may have been observed before.
	rows, err := tx.Query(ctx, "SELECT schema FROM tenantry.target WHERE age(xmin) <= age($1::xid8::xid)", kept.XID)
	if err != nil {
		return nil, false, err
	}
	unsure, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, false, err
	}
	standing = make(map[string]bool, len(records))
	for _, r := range records {
		standing[r.Schema] = r.Token != ""
	}
	for _, name := range append(unsure, kept.Unsure...) {
		delete(standing, name)
	}
	return standing, true, nil
}

// keptHorizon returns the horizon that is kept, or nil for none.
func keptHorizon(ctx context.Context, tx pgx.Tx) (*horizon, error) {
	var text string
	err := tx.QueryRow(ctx, "SELECT coalesce((SELECT kept FROM tenantry.horizon), '')").Scan(&text)
	if err != nil || text == "" {
		return nil, err
	}
	h := new(horizon)
	return h, json.Unmarshal([]byte(text), h)
}

// knowsHorizons reports whether the control schema has a place for a horizon: one
// of before has none.
func knowsHorizons(ctx context.Context, tx pgx.Tx) (known bool, err error) {
	err = tx.QueryRow(ctx, "SELECT to_regclass('tenantry.horizon') IS NOT NULL").Scan(&known)
	return known, err
}

// countRows counts the rows of the catalogs, and those of a transaction or of
// later ones.
func countRows(ctx context.Context, tx pgx.Tx, xid string) (counts []int64, newer int64, err error) {
	if err := simple(ctx, tx.Conn(), "SET LOCAL jit = off"); err != nil {
		return nil, 0, err
	}
	err = tx.QueryRow(ctx, countsQuery, xid).Scan(&counts, &newer)
	return counts, newer, err
}

// horizonNow returns the horizon of this moment, to be kept, where the role may
// keep it; else "". The token of what was observed to live stands.
func horizonNow(ctx context.Context, tx pgx.Tx, observed *reconcile.Observed) (string, error) {
	h := horizon{Unsure: []string{}}
	var may bool
	err := tx.QueryRow(ctx, `SELECT pg_snapshot_xmin(pg_current_snapshot())::text, has_table_privilege('tenantry.horizon', 'INSERT')
		AND has_table_privilege('tenantry.horizon', 'UPDATE') AND NOT pg_is_in_recovery()
		AND (SELECT reset_val FROM pg_settings WHERE name = 'default_transaction_read_only') = 'off'`).Scan(&h.XID, &may)
	if err != nil || !may {
		return "", err
	}
	if h.Counts, _, err = countRows(ctx, tx, h.XID); err != nil {
		return "", err
	}
	for _, r := range observed.Records {
		if _, sure := observed.Live[r.Schema]; !sure {
			h.Unsure = append(h.Unsure, r.Schema)
		}
	}
	text, err := json.Marshal(h)
	return string(text), err
}

// KeepHorizon implements reconcile.Database.
func (db *DB) KeepHorizon(ctx context.Context, kept string) error {
	_, err := db.pool.Exec(ctx, "INSERT INTO tenantry.horizon (kept) VALUES ($1) ON CONFLICT (id) DO UPDATE SET kept = excluded.kept", kept)
	return db.wrap(err)
}
