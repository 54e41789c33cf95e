package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"tenantry/reconcile"
	"tenantry/schema"
)

// Observe implements reconcile.Database: the records; of a fleet, whether
// anything has moved at all; if so, the tokens of all schemas in one query; and
// the fingerprints of those whose token has moved.
func (db *DB) Observe(ctx context.Context, schemas []string, all bool) (*reconcile.Observed, error) {
	out := &reconcile.Observed{Live: make(map[string]reconcile.Live)}
	if db.missing() {
		out.Absent, out.User, out.Database = true, db.config.ConnConfig.User, db.config.ConnConfig.Database
		return out, nil
	}
	err := db.reading(ctx, func(tx pgx.Tx) error {
		var err error
		functions := false
		if out.Managed, functions, err = db.managed(ctx, tx); err != nil {
			return err
		}
		db.ready.Store(functions)
		if out.Managed {
			if out.Records, err = records(ctx, tx, schemas, all); err != nil {
				return err
			}
		}
		if err := db.observeCitus(ctx, tx, out); err != nil {
			return err
		}
		if err := readable(ctx, tx, schemas, out); err != nil {
			return err
		}
		return db.observe(ctx, tx, schemas, all, functions, out)
	})
	return out, db.wrap(err)
}

func (db *DB) observe(ctx context.Context, tx pgx.Tx, schemas []string, all, functions bool, out *reconcile.Observed) error {
	recorded := make(map[string]reconcile.Record, len(out.Records))
	for _, r := range out.Records {
		recorded[r.Schema] = r
	}
	asked, stands := schemas, false
	fleet := out.Managed && len(schemas) > fewSchemas // else the tokens cost less than the question
	if fleet {
		var err error
		if fleet, err = knowsHorizons(ctx, tx); err != nil {
			return err
		}
	}
	if fleet {
		standing, ok, err := db.standing(ctx, tx, out.Records)
		if err != nil {
			return err
		}
		if stands = ok; ok {
			asked = nil
			for _, name := range schemas {
				if r := recorded[name]; standing[name] {
					out.Live[name] = reconcile.Live{Fingerprint: r.Fingerprint, Token: r.Token}
				} else {
					asked = append(asked, name)
				}
			}
		}
	}
	if functions && len(asked) <= fewLooks {
		return db.lookAtEach(ctx, tx, asked, recorded, out)
	}
	tokens, err := db.tokens(ctx, tx, asked)
	if err != nil {
		return err
	}
	var moved []string
	for _, name := range asked {
		token, exists := tokens[name]
		if r, ok := recorded[name]; ok && exists && r.Token == token && r.Token != "" {
			out.Live[name] = reconcile.Live{Fingerprint: r.Fingerprint, Token: token}
		} else if exists {
			moved = append(moved, name)
		}
	}
	fingerprints, err := db.fingerprints(ctx, tx, moved)
	if err != nil {
		return err
	}
	if fleet && all && !stands && len(moved) == 0 {
		if out.Horizon, err = horizonNow(ctx, tx, out); err != nil {
			return err
		}
	}
	for name, f := range fingerprints {
		out.Live[name] = reconcile.Live{Fingerprint: f, Token: tokens[name]}
	}
	return nil
}

// fewLooks is how many schemas the control schema's function is asked about one by
// one. For more, planning the queries for many schemas costs less.
const fewLooks = 8

// lookAtEach observes schemas by the function of the control schema, whose parts are
// planned when they are needed: the fingerprint where the token has moved.
func (db *DB) lookAtEach(ctx context.Context, tx pgx.Tx, asked []string, recorded map[string]reconcile.Record, out *reconcile.Observed) error {
	if len(asked) == 0 {
		return nil
	}
	known := make([]string, len(asked))
	for i, name := range asked {
		known[i] = recorded[name].Token
	}
	rows, err := tx.Query(ctx, "SELECT u.name, l.o_structure, l.o_objects, l.o_token FROM unnest($1::text[], $2::text[]) u (name, known) CROSS JOIN LATERAL "+db.functions.name("look")+"(u.name, $3, u.known) l",
		asked, known, structureKinds)
	if err != nil {
		return err
	}
	var name, token string
	var structure, objects *string
	_, err = pgx.ForEachRow(rows, []any{&name, &structure, &objects, &token}, func() error {
		live := reconcile.Live{Fingerprint: recorded[name].Fingerprint, Token: token}
		if structure != nil {
			live.Fingerprint = schema.Fingerprint{Structure: *structure, Objects: *objects}
		}
		out.Live[name] = live
		return nil
	})
	return err
}

// readable makes sure that the role may use every schema that exists. Without
// USAGE a schema is left out of search_path in silence, and its definitions
// would be printed differently. It reads who the role is, in which database, and how
// many locks the server has room for:
// https://www.postgresql.org/docs/current/runtime-config-locks.html.
func readable(ctx context.Context, tx pgx.Tx, schemas []string, out *reconcile.Observed) error {
	var closed []string
	err := tx.QueryRow(ctx, `SELECT current_user, current_database(), coalesce(array_agg(nspname::text ORDER BY nspname), '{}'),
			current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)
		FROM pg_namespace WHERE nspname = ANY ($1::text[]) AND NOT has_schema_privilege(oid, 'USAGE')`, schemas).Scan(&out.User, &out.Database, &closed, &out.Locks)
	if err != nil || len(closed) == 0 {
		return err
	}
	return fmt.Errorf("the role %s may not read %s: GRANT USAGE ON SCHEMA %s TO %s", out.User, strings.Join(closed, ", "), schema.QuoteIdent(closed[0]), schema.QuoteIdent(out.User))
}

// beginReading begins a transaction that sees one moment and changes nothing. It
// waits for nobody who keeps a catalog, or the control schema, to himself for long.
const beginReading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = '60s'"

// reading runs f in such a transaction.
func (db *DB) reading(ctx context.Context, f func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{BeginQuery: beginReading}, f)
}

// tokens returns the token of each schema that exists.
func (db *DB) tokens(ctx context.Context, tx pgx.Tx, schemas []string) (map[string]string, error) {
	out := make(map[string]string, len(schemas))
	if len(schemas) == 0 {
		return out, nil
	}
	rows, err := db.catalog(ctx, tx, schemas, tokenQuery, schemas)
	if err != nil {
		return nil, err
	}
	var name, token string
	_, err = pgx.ForEachRow(rows, []any{&name, &token}, func() error {
		out[name] = token
		return nil
	})
	return out, err
}

// fingerprints returns the fingerprint of each schema that exists.
func (db *DB) fingerprints(ctx context.Context, tx pgx.Tx, schemas []string) (map[string]schema.Fingerprint, error) {
	out := make(map[string]schema.Fingerprint, len(schemas))
	if len(schemas) == 0 {
		return out, nil
	}
	rows, err := db.catalog(ctx, tx, schemas, fingerprintQuery(db.version), schemas, structureKinds)
	if err != nil {
		return nil, err
	}
	var name string
	var f schema.Fingerprint
	_, err = pgx.ForEachRow(rows, []any{&name, &f.Structure, &f.Objects}, func() error {
		out[name] = f
		return nil
	})
	return out, err
}

// catalog runs a query of the catalogs with the settings that suit the number
// of schemas. The search_path is left as the query leaves it.
func (db *DB) catalog(ctx context.Context, tx pgx.Tx, schemas []string, query string, args ...any) (pgx.Rows, error) {
	if err := simple(ctx, tx.Conn(), steer(len(schemas))); err != nil {
		return nil, err
	}
	return tx.Query(ctx, query, args...)
}

// simple sends several statements without arguments in one round trip.
func simple(ctx context.Context, conn *pgx.Conn, sql string) error {
	_, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

var structureKinds = texts(schema.StructureKinds)

// Lines implements reconcile.Database. Once the control schema is known to be ready,
// its function is asked, whose plans a connection keeps: planning the query for
// many schemas takes ten times longer than running it for one.
func (db *DB) Lines(ctx context.Context, name string) (lines []schema.Line, err error) {
	asked, err := db.whileReady(func() error {
		lines, err = db.linesOf(ctx, func(tx pgx.Tx) (pgx.Rows, error) {
			return tx.Query(ctx, "SELECT NULL, l.* FROM "+db.functions.name("lines")+"($1, NULL, NULL) l", name)
		})
		return err
	})
	if asked {
		return lines, err
	}
	return db.linesOf(ctx, func(tx pgx.Tx) (pgx.Rows, error) {
		return db.catalog(ctx, tx, []string{name}, linesQuery(db.version), []string{name})
	})
}

func (db *DB) linesOf(ctx context.Context, query func(pgx.Tx) (pgx.Rows, error)) (lines []schema.Line, err error) {
	err = db.reading(ctx, func(tx pgx.Tx) error {
		rows, err := query(tx)
		if err != nil {
			return err
		}
		lines, err = pgx.CollectRows(rows, scanLine)
		return err
	})
	schema.SortLines(lines)
	return lines, db.wrap(err)
}

// scanLine reads a row of the lines' query.
func scanLine(row pgx.CollectableRow) (l schema.Line, err error) {
	return l, row.Scan(nil, &l.Kind, &l.Table, &l.Name, &l.Definition)
}

// managed reports whether the control schema exists, and whether the role may ask the
// functions that this reconcile has there. It asks the catalog and not to_regclass,
// which may answer from before a lock was waited for.
func (db *DB) managed(ctx context.Context, tx pgx.Tx) (exists, functions bool, err error) {
	_, leave, _ := strings.Cut(db.functions.name("leave"), ".")
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'target'),
			has_schema_privilege(n.oid, 'USAGE') AND EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = n.oid AND p.proname = $1 AND has_function_privilege(p.oid, 'EXECUTE'))
		FROM pg_namespace n WHERE n.nspname = 'tenantry'`, leave).Scan(&exists, &functions)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, false, nil
	}
	return exists, functions, err
}
