package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"tenantry/reconcile"
	"tenantry/schema"
)

// migrationTable is the step of the control schema that brought the histories of
// versioned migrations.
const migrationTable = `
CREATE TABLE tenantry.migration (
	schema text NOT NULL,
	service text NOT NULL,
	key text NOT NULL, -- V and the version, R and the description, B and the version
	script text NOT NULL,
	version text NOT NULL,
	description text NOT NULL,
	type text NOT NULL, -- versioned, repeatable, baseline
	checksum text NOT NULL,
	position integer NOT NULL, -- how many of its statements have run
	done boolean NOT NULL, -- false: it has no transaction of its own, and was begun
	prefix text NOT NULL, -- a hash of the statements that have run, where it is not done
	run text NOT NULL,
	applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	seq bigint GENERATED ALWAYS AS IDENTITY,
	PRIMARY KEY (schema, service, key)
);
COMMENT ON TABLE tenantry.migration IS 'Which files of versioned directories have been applied to which schema.';
`

const (
	recordMigration = `INSERT INTO tenantry.migration (schema, service, key, script, version, description, type, checksum, position, done, prefix, run)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
	ON CONFLICT (schema, service, key) DO UPDATE SET script = excluded.script, version = excluded.version, description = excluded.description, checksum = excluded.checksum,
		position = excluded.position, done = excluded.done, prefix = excluded.prefix, run = excluded.run, applied_at = excluded.applied_at`
	moveMigrations   = "UPDATE tenantry.migration SET schema = $2 WHERE schema = $1"
	forgetMigrations = "DELETE FROM tenantry.migration WHERE schema = ANY ($1::text[])"
)

// A histories is what is known of the migrations of schemas, and a mark of each in
// its two parts.
type histories struct {
	applied     map[string][]schema.Applied
	own, flyway map[string]*historyMark
}

// A historyMark moves when a row is added, mended or taken away.
type historyMark struct {
	rows, last, succeeded int64 // the last is a time of ours, a rank of Flyway's
}

// take counts a row in.
func take(marks map[string]*historyMark, name string, last int64, done bool) {
	if marks[name] == nil {
		marks[name] = &historyMark{}
	}
	m := marks[name]
	m.rows, m.last = m.rows+1, max(m.last, last)
	if done {
		m.succeeded++
	}
}

// mark is what the function unmoved compares.
func (h *histories) mark(name string) string {
	var own historyMark
	if m := h.own[name]; m != nil {
		own = *m
	}
	out := fmt.Sprintf("%d/%d/%d", own.rows, own.last, own.succeeded)
	if m := h.flyway[name]; m != nil {
		out += fmt.Sprintf(" %d/%d/%d", m.rows, m.last, m.succeeded)
	}
	return out
}

// unmovedFunction makes sure that nobody has applied a migration since the history
// was read: one that changes rows only leaves the structure as it was.
const unmovedFunction = `CREATE OR REPLACE FUNCTION tenantry.unmoved_@(one_schema text, flyway text, known text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $unmoved$
DECLARE
	own text;
	theirs text;
BEGIN
	SELECT concat_ws('/', count(*), coalesce(max((extract(epoch FROM m.applied_at) * 1000000)::bigint), 0), count(*) FILTER (WHERE m.done)) INTO own
		FROM tenantry.migration m WHERE m.schema = one_schema;
	IF strpos(known, ' ') > 0 THEN
		EXECUTE format('SELECT concat_ws(''/'', count(*), max(installed_rank), count(*) FILTER (WHERE success)) FROM %I.%I', one_schema, flyway) INTO theirs;
	END IF;
	IF concat_ws(' ', own, theirs) <> known THEN
		RAISE EXCEPTION 'it is not what the step starts from' USING ERRCODE = '` + refusedStale + `';
	END IF;
END$unmoved$`

// Migrations implements reconcile.Database.
func (db *DB) Migrations(ctx context.Context, schemas []string) (map[string]reconcile.History, error) {
	h := &histories{applied: make(map[string][]schema.Applied), own: make(map[string]*historyMark), flyway: make(map[string]*historyMark)}
	err := db.reading(ctx, func(tx pgx.Tx) error {
		var recorded bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass('tenantry.migration') IS NOT NULL").Scan(&recorded); err != nil {
			return err
		}
		if recorded {
			if err := ownHistories(ctx, tx, schemas, h); err != nil {
				return err
			}
		}
		return flywayHistories(ctx, tx, schemas, h)
	})
	out := make(map[string]reconcile.History)
	for _, name := range schemas {
		out[name] = reconcile.History{Applied: h.applied[name], Mark: h.mark(name)}
	}
	return out, db.wrap(err)
}

func ownHistories(ctx context.Context, tx pgx.Tx, schemas []string, h *histories) error {
	rows, err := tx.Query(ctx, `SELECT schema, service, script, version, description, type, checksum, position, done, prefix, (extract(epoch FROM applied_at) * 1000000)::bigint
		FROM tenantry.migration WHERE schema = ANY ($1::text[]) ORDER BY schema, applied_at, seq`, schemas)
	if err != nil {
		return err
	}
	var name string
	var at int64
	var a schema.Applied
	_, err = pgx.ForEachRow(rows, []any{&name, &a.Service, &a.Script, &a.Version, &a.Description, &a.Type, &a.Checksum, &a.Position, &a.Done, &a.Prefix, &at}, func() error {
		h.applied[name] = append(h.applied[name], a)
		take(h.own, name, at, a.Done)
		return nil
	})
	return err
}

// flywayTool is Flyway among the tools whose tables are known.
var flywayTool = tools[slices.IndexFunc(tools, func(t tool) bool { return t.name == "Flyway" })]

// flywayHistories reads Flyway's tables, many in one query.
func flywayHistories(ctx context.Context, tx pgx.Tx, schemas []string, h *histories) error {
	found, err := flywayTool.find(ctx, tx, schemas)
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.Problem != "" {
			return fmt.Errorf("the history of migrations in %s.%s cannot be read: %s", f.Schema, f.Table, f.Problem)
		}
	}
	for part := range slices.Chunk(found, 100) {
		var queries []string
		for _, f := range part {
			queries = append(queries, "SELECT "+literal(f.Schema)+"::text AS schema, installed_rank, coalesce(version, '')::text, description::text, type::text, script::text, coalesce(checksum::text, ''), success FROM "+
				schema.QuoteIdent(f.Schema)+"."+schema.QuoteIdent(f.Table))
		}
		rows, err := tx.Query(ctx, strings.Join(queries, "\nUNION ALL ")+"\nORDER BY schema, installed_rank")
		if err != nil {
			return err
		}
		var name, kind string
		var rank int
		var a schema.Applied
		if _, err := pgx.ForEachRow(rows, []any{&name, &rank, &a.Version, &a.Description, &kind, &a.Script, &a.Checksum, &a.Done}, func() error {
			h.applied[name] = withFlywayRow(h.applied[name], a, kind)
			take(h.flyway, name, int64(rank), a.Done)
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// withFlywayRow adds what a row of Flyway's table says.
func withFlywayRow(history []schema.Applied, a schema.Applied, kind string) []schema.Applied {
	a.Foreign, a.Failed = true, !a.Done
	switch {
	case kind == "SCHEMA": // Flyway has made the schema
		return history
	case kind == "UNDO_SQL" || kind == "DELETE":
		return slices.DeleteFunc(history, func(o schema.Applied) bool {
			return o.Foreign && o.Version == a.Version && (a.Version != "" || o.Description == a.Description)
		})
	case kind == "BASELINE":
		a.Type = schema.AppliedMarker
	case kind == "SQL_BASELINE":
		a.Type = schema.MigrationBaseline
	case a.Version == "":
		a.Type = schema.MigrationRepeatable
	default:
		a.Type = schema.MigrationVersioned
	}
	return append(history, a)
}

// queueMigration queues the record of a file of which so many statements have run.
func queueMigration(batch *pgx.Batch, run, target string, n schema.Names, f schema.FileRun, position int) {
	batch.Queue(recordMigration, migrationArgs(run, target, n, f, position)...)
	if position == f.Begin+f.Count {
		queueFlyway(batch, target, n, f)
	}
}

// migrationArgs are the arguments of recordMigration.
func migrationArgs(run, target string, n schema.Names, f schema.FileRun, position int) []any {
	m, done := f.Migration, position == f.Begin+f.Count
	prefix := ""
	if !done {
		prefix = m.Prefix(position)
	}
	return []any{target, m.Service, m.Key(), m.Script, m.Version, m.Description, string(m.Type), m.Checksum(n), position, done, prefix, run}
}

// queueFlyway queues the row that Flyway would have written, where its table is the
// history.
func queueFlyway(batch *pgx.Batch, target string, n schema.Names, f schema.FileRun) {
	m := f.Migration
	if m.Directory.History != schema.HistoryFlyway {
		return
	}
	kind, version := "SQL", &m.Version
	switch m.Type {
	case schema.MigrationBaseline:
		kind = "SQL_BASELINE"
	case schema.MigrationRepeatable:
		version = nil
	}
	sum, _ := strconv.Atoi(m.Checksum(n)) // it is a number, in Flyway's format
	table := schema.QuoteIdent(target) + "." + schema.QuoteIdent(m.Directory.Table)
	if f.Repaired { // as Flyway's repair does
		batch.Queue("UPDATE "+table+" SET description = $2, script = $3, checksum = $4 WHERE success AND version = $1 AND type = $5", m.Version, m.Description, m.Script, sum, kind)
		return
	}
	batch.Queue("INSERT INTO "+table+` (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
		SELECT coalesce(max(installed_rank), 0) + 1, $1::text, $2::text, $3::text, $4::text, $5::integer, current_user, (extract(epoch FROM clock_timestamp() - now()) * 1000)::integer, true FROM `+table,
		version, m.Description, kind, m.Script, sum)
}

// Learn implements reconcile.Database.
func (db *DB) Learn(ctx context.Context, run reconcile.Run, learned []reconcile.Learned) error {
	for part := range slices.Chunk(learned, 100) {
		batch := &pgx.Batch{}
		for _, l := range part {
			for _, f := range l.Files {
				queueMigration(batch, run.ID, l.Target.Schema, l.Names, f, f.Begin+f.Count)
			}
		}
		if err := db.pool.SendBatch(ctx, batch).Close(); err != nil {
			return db.wrap(err)
		}
	}
	return nil
}
