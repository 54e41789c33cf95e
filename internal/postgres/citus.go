package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/diag"
	"tenantry/reconcile"
)

// Citus distributes; nothing here does. A tenant's schema becomes a shard where
// it is created with citus.enable_schema_based_sharding on, which is local to that
// transaction; everything else is created with it off, whatever the server's
// default is. See https://docs.citusdata.com/en/stable/get_started/tutorial_microservices.html.

// citus is what is asked of a database that may have the extension.
type citus struct {
	asked, convert bool
	found          bool
}

// AskCitus says, before Connect, that the database is a coordinator of Citus, and
// whether schemas that are plain ones become shards.
func (db *DB) AskCitus(convert bool) { db.citus.asked, db.citus.convert = true, convert }

func (db *DB) findCitus(ctx context.Context) error {
	if db.absent {
		return nil
	}
	if err := db.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')").Scan(&db.citus.found); err != nil {
		return db.wrap(err)
	}
	if db.citus.asked && !db.citus.found {
		return fmt.Errorf("database %s: the file says citus, and the extension is not there: CREATE EXTENSION citus, or leave citus out", db.name)
	}
	return nil
}

const (
	shardingOn  = "SET LOCAL citus.enable_schema_based_sharding = on"
	shardingOff = "SET LOCAL citus.enable_schema_based_sharding = off"
)

// observeCitus reads what is distributed, and how.
func (db *DB) observeCitus(ctx context.Context, tx pgx.Tx, out *reconcile.Observed) error {
	switch {
	case db.citus.found && !db.citus.asked:
		out.Notes = append(out.Notes, reconcile.Diagnostic{
			Severity: diag.Warning, Code: "citus-unasked", Message: fmt.Sprintf("database %s has the extension citus, and the file does not say so: its tenants' schemas are plain ones, on the coordinator", db.name),
			Hint: "citus: true distributes them",
		})
		return nil
	case !db.citus.asked:
		return nil
	}
	out.Citus = &reconcile.Citus{Convert: db.citus.convert, Schemas: make(map[string]string), Reference: make(map[string]bool)}
	rows, err := tx.Query(ctx, `SELECT n.nspname::text, coalesce(min(w.nodename || ':' || w.nodeport), '')
		FROM pg_dist_schema s JOIN pg_namespace n ON n.oid = s.schemaid
		LEFT JOIN pg_dist_partition p ON p.colocationid = s.colocationid LEFT JOIN pg_dist_shard h ON h.logicalrelid = p.logicalrelid
		LEFT JOIN pg_dist_placement l ON l.shardid = h.shardid LEFT JOIN pg_dist_node w ON w.groupid = l.groupid GROUP BY 1`)
	if err != nil {
		return err
	}
	var name, worker string
	if _, err := pgx.ForEachRow(rows, []any{&name, &worker}, func() error { out.Citus.Schemas[name] = worker; return nil }); err != nil {
		return err
	}
	rows, err = tx.Query(ctx, `SELECT n.nspname || '.' || c.relname FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE p.partmethod = 'n' AND p.repmodel = 't'`)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, []any{&name}, func() error { out.Citus.Reference[name] = true; return nil })
	return err
}

// sharding says how the portion's schema is to be created, or "" where there is
// nothing to say.
func (p *portion) sharding(db *DB) string {
	switch {
	case !db.citus.found || p.base == nil || *p.base != "":
		return ""
	case db.citus.asked && !p.Target.Shared:
		return shardingOn
	}
	return shardingOff
}
