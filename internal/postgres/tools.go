package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/adopt"
	"tenantry/schema"
)

// A tool is a migration tool by the table that it keeps its history in. Such a
// table is the tool's, not the schema's: of it there is one line, of a kind that
// nobody plans, so it is neither a part of a definition nor ever in its way.
type tool struct {
	name    string
	table   string
	columns []string // that make it that table, sorted
	// state returns the last version, how many were applied, and what failed; %[1]s is the table.
	state string
}

// The tables as each tool's documentation, or its source, has them. Of two tools
// with one table the one with more columns comes first.
var tools = []tool{
	{"Flyway", "flyway_schema_history", []string{"installed_rank", "success", "type", "version"},
		`(SELECT version::text FROM %[1]s WHERE success AND version IS NOT NULL ORDER BY installed_rank DESC LIMIT 1),
		(SELECT count(*) FROM %[1]s WHERE success AND type <> 'SCHEMA'),
		(SELECT coalesce(version, type)::text FROM %[1]s WHERE NOT success ORDER BY installed_rank DESC LIMIT 1)`},
	{"Atlas", "atlas_schema_revisions", []string{"applied", "total", "version"},
		`(SELECT version::text FROM %[1]s WHERE applied = total AND version NOT LIKE '.%%' ORDER BY version COLLATE "C" DESC LIMIT 1),
		(SELECT count(*) FROM %[1]s WHERE applied = total AND version NOT LIKE '.%%'),
		(SELECT version::text FROM %[1]s WHERE applied < total ORDER BY version COLLATE "C" DESC LIMIT 1)`},
	{"Django", "django_migrations", []string{"app", "applied", "id", "name"},
		`(SELECT app || '.' || name FROM %[1]s ORDER BY id DESC LIMIT 1), (SELECT count(*) FROM %[1]s), NULL::text`},
	{"golang-migrate", "schema_migrations", []string{"dirty", "version"},
		`(SELECT version::text FROM %[1]s WHERE NOT dirty ORDER BY version DESC LIMIT 1), (SELECT count(*) FROM %[1]s WHERE NOT dirty),
		(SELECT version::text FROM %[1]s WHERE dirty ORDER BY version DESC LIMIT 1)`},
	{"Rails", "schema_migrations", []string{"version"},
		`(SELECT version::text FROM %[1]s ORDER BY version DESC LIMIT 1), (SELECT count(*) FROM %[1]s), NULL::text`},
	{"Rails", "ar_internal_metadata", []string{"key", "value"}, ""},
}

// toolNames are the names of such tables, and of the sequences that some own.
var toolNames = func() string {
	var names []string
	for _, t := range tools {
		if name := literal(t.table); !slices.Contains(names, name) {
			names = append(names, name, literal(t.table+"_id_seq"))
		}
	}
	return "ARRAY[" + strings.Join(names, ", ") + "]"
}()

// isHistory is an SQL condition: the relation c is a tool's table, or a sequence
// that one owns. What has another name is not looked into.
var isHistory = `CASE WHEN c.relname = ANY (` + toolNames + `) AND c.relkind IN ('r', 'p', 'S') THEN EXISTS (
		SELECT FROM pg_class t WHERE t.oid = CASE c.relkind WHEN 'S' THEN (SELECT d.refobjid FROM pg_depend d
			WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')) ELSE c.oid END
		AND (` + toolColumns("t") + `)) ELSE false END`

// toolColumns is an SQL condition: the relation has the columns of the tool's
// table of its name.
func toolColumns(rel string) string {
	var out []string
	for _, t := range tools {
		out = append(out, fmt.Sprintf("%s.relname = %s AND %s", rel, literal(t.table), t.hasColumns(rel)))
	}
	return strings.Join(out, " OR ")
}

func (t tool) hasColumns(rel string) string {
	var quoted []string
	for _, c := range t.columns {
		quoted = append(quoted, literal(c))
	}
	return fmt.Sprintf("(SELECT count(*) FROM pg_attribute a WHERE a.attrelid = %s.oid AND NOT a.attisdropped AND a.attname IN (%s)) = %d", rel, strings.Join(quoted, ", "), len(t.columns))
}

// historyPart is the line of a tool's table.
var historyPart = part{
	kind: string(schema.KindMigrationHistory), group: seldom, when: "has_histories", table: "''", name: "c.relname",
	def: `(SELECT string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attname COLLATE "C")
		FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)`,
	from: `FROM o JOIN pg_class c ON c.oid = o.objid WHERE o.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'p') AND ` + isHistory,
}

// Histories implements adopt.Database.
func (db *DB) Histories(ctx context.Context, schemas []string) ([]adopt.History, error) {
	out := []adopt.History{}
	err := db.reading(ctx, func(tx pgx.Tx) error {
		for _, t := range tools {
			if t.state == "" {
				continue
			}
			found, err := t.find(ctx, tx, schemas)
			if err != nil {
				return err
			}
			for _, h := range found {
				if !slices.ContainsFunc(out, func(o adopt.History) bool { return o.Schema == h.Schema && o.Table == h.Table }) {
					out = append(out, h)
				}
			}
		}
		return nil
	})
	return out, db.wrap(err)
}

// find finds a tool's tables and reads them, many in one query.
func (t tool) find(ctx context.Context, tx pgx.Tx, schemas []string) (out []adopt.History, err error) {
	rows, err := tx.Query(ctx, `SELECT n.nspname::text, has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
		FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
		WHERE c.relname = $1 AND c.relkind IN ('r', 'p') AND n.nspname = ANY ($2::text[]) AND `+t.hasColumns("c")+` ORDER BY n.nspname COLLATE "C"`, t.table, schemas)
	if err != nil {
		return nil, err
	}
	h := adopt.History{Tool: t.name, Table: t.table}
	var readable bool
	if _, err := pgx.ForEachRow(rows, []any{&h.Schema, &readable}, func() error {
		h.Problem = ""
		if !readable {
			h.Problem = "the role may not read it"
		}
		out = append(out, h)
		return nil
	}); err != nil {
		return nil, err
	}
	for at := 0; at < len(out); at += 100 {
		if err := t.read(ctx, tx, out[at:min(at+100, len(out))]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// read reads what is recorded in those tables that may be read.
func (t tool) read(ctx context.Context, tx pgx.Tx, histories []adopt.History) error {
	var parts []string
	for i, h := range histories {
		if h.Problem == "" {
			parts = append(parts, "SELECT "+itoa(i)+", "+fmt.Sprintf(t.state, schema.QuoteIdent(h.Schema)+"."+schema.QuoteIdent(t.table)))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, strings.Join(parts, "\nUNION ALL "))
	if err != nil {
		return err
	}
	var i int
	var version, failed *string
	var applied int
	_, err = pgx.ForEachRow(rows, []any{&i, &version, &applied, &failed}, func() error {
		h := &histories[i]
		h.Applied = applied
		if version != nil {
			h.Version = *version
		}
		if failed != nil {
			h.Failed = *failed
		}
		return nil
	})
	return err
}

// literal quotes an SQL string that has no backslash.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
