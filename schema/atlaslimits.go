package schema

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
)

// Limits of Atlas's library, v1.3.0, and how each is met. Each has a test named
// TestAtlasStill… that fails when the limit is gone.

// foreignKeysApart takes the foreign keys out of tables that are added, to be
// added after all of them. The limit: a table that refers to a unique index of
// its own does so within CREATE TABLE, before that index is there.
func foreignKeysApart(changes []atlas.Change) (first, last []atlas.Change) {
	for _, c := range changes {
		add, ok := c.(*atlas.AddTable)
		if !ok || len(add.T.ForeignKeys) == 0 {
			first = append(first, c)
			continue
		}
		bare := *add.T
		bare.ForeignKeys = nil
		first = append(first, &atlas.AddTable{T: &bare, Extra: add.Extra})
		modify := &atlas.ModifyTable{T: add.T}
		for _, fk := range add.T.ForeignKeys {
			modify.Changes = append(modify.Changes, &atlas.AddForeignKey{F: fk})
		}
		last = append(last, modify)
	}
	return first, last
}

// identitiesApart leaves the identities that a column gets or loses to the
// residue. The limit: Atlas plans them as if the column had one before and after,
// and does not find the words for the one without.
func identitiesApart(changes []atlas.Change) []atlas.Change {
	var out []atlas.Change
	for _, c := range changes {
		modify, ok := c.(*atlas.ModifyTable)
		if !ok {
			out = append(out, c)
			continue
		}
		parts := make([]atlas.Change, 0, len(modify.Changes))
		for _, part := range modify.Changes {
			if column, ok := part.(*atlas.ModifyColumn); ok && isIdentity(column.From) != isIdentity(column.To) {
				rest := *column
				if rest.Change &^= atlas.ChangeAttr; rest.Change == atlas.NoChange {
					continue
				}
				part = &rest
			}
			parts = append(parts, part)
		}
		if len(parts) > 0 {
			out = append(out, &atlas.ModifyTable{T: modify.T, Changes: parts})
		}
	}
	return out
}

// lostValues refuses what Atlas means to refuse: an enum without a value that it
// had. The limit: it compares the values that are there with themselves, so it
// leaves the value where it is, or speaks of a new order.
func lostValues(changes []atlas.Change) error {
	for _, c := range changes {
		modify, ok := c.(*atlas.ModifyObject)
		if !ok {
			continue
		}
		from, ok1 := modify.From.(*atlas.EnumType)
		to, ok2 := modify.To.(*atlas.EnumType)
		if !ok1 || !ok2 {
			continue
		}
		for _, v := range from.Values {
			if !slices.Contains(to.Values, v) {
				return fmt.Errorf("atlas: dropping value %q from enum %q is not supported", v, from.T)
			}
		}
	}
	return nil
}

// failSafe answers Atlas's differ. The limit: it compares two defaults by
// asking the database SELECT a = b, which fails for types without equality
// (json, point, xml) and would take the transaction with it. Where such a query
// fails, the answer is that they differ.
type failSafe struct{ *Bench }

func (f failSafe) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if _, err := f.ExecContext(ctx, "SAVEPOINT failsafe"); err != nil {
		return nil, err
	}
	rows, err := f.Bench.QueryContext(ctx, query, args...)
	if err == nil {
		return rows, nil
	}
	if _, undo := f.ExecContext(ctx, "ROLLBACK TO SAVEPOINT failsafe"); undo != nil {
		return nil, err
	}
	return f.Bench.QueryContext(ctx, "SELECT false")
}

func isIdentity(c *atlas.Column) bool {
	return slices.ContainsFunc(c.Attrs, func(a atlas.Attr) bool { _, ok := a.(*postgres.Identity); return ok })
}

// narrow inspects one schema without reading all others. The limit: Atlas's
// queries go through every table, index, constraint and sequence of the database,
// some of them once for each identity column, and only then ask whose they are;
// among 300 tenants of 12 tables that takes 0.9 s, and longer the more there are.
// Each is told where it begins what the schema holds, by the one index that leads
// there; it has the schema as $1 or in its row.
type narrow struct{ *Bench }

func (n narrow) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	for _, wide := range wideQueries {
		query = strings.Replace(query, wide[0], wide[1], 1)
	}
	return n.Bench.QueryContext(ctx, query, args...)
}

// wideQueries are what is replaced by what. Where Atlas words it otherwise, its
// query is left as it is.
var wideQueries = [][2]string{
	{"AND t3.relname = t1.table_name\n\tLEFT JOIN pg_catalog.pg_partitioned_table", "AND t3.relname = t1.table_name AND t3.oid IN (" + heldBy("t2.oid") + ")\n\tLEFT JOIN pg_catalog.pg_partitioned_table"},
	{"from pg_index i\n\t) idx", "from pg_index i where i.indrelid in (" + heldBy(theSchema) + ")\n\t) idx"},
	{"from pg_constraint\n\t    group by conindid", "from pg_constraint where conrelid in (" + heldBy(theSchema) + ")\n\t    group by conindid"},
	{"FROM pg_constraint WHERE conindid = idx.indexrelid)", "FROM pg_constraint WHERE conrelid = idx.indrelid AND conindid = idx.indexrelid)"},
	{"WHERE ns1.nspname = $1\n", "WHERE ns1.nspname = $1 AND t1.relnamespace = " + theSchema + "\n"},
	{"JOIN pg_attribute a1 ON a1.attnum = fk.conkey AND a1.attrelid = fk.conrelid", "JOIN LATERAL (" + columnOf("fk.conrelid", "fk.conkey") + ") a1 ON true"},
	{"JOIN pg_attribute a2 ON a2.attnum = fk.confkey AND a2.attrelid = fk.confrelid", "JOIN LATERAL (" + columnOf("fk.confrelid", "fk.confkey") + ") a2 ON true"},
	{"(SELECT last_value FROM pg_sequences WHERE quote_ident(schemaname) || '.' || quote_ident(sequencename) = pg_get_serial_sequence(", "(SELECT pg_sequence_last_value(s::regclass) FROM pg_get_serial_sequence("},
	{"t1.column_name)) END) AS identity_last", "t1.column_name) s) END) AS identity_last"},
	{`FROM
	"information_schema"."columns" AS t1
	JOIN pg_catalog.pg_namespace AS t2 ON t2.nspname = t1.table_schema
	JOIN pg_catalog.pg_class AS t3 ON t3.relnamespace = t2.oid AND t3.relname = t1.table_name
	JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t3.oid AND a.attname = t1.column_name
	LEFT JOIN pg_catalog.pg_type AS t4 ON t4.oid = a.atttypid
`, columnsThemselves},
}

// columnsThemselves is what the view information_schema.columns reads for the columns
// that Atlas asks it for, as "columns" in
// https://www.postgresql.org/docs/current/infoschema-columns.html has them. The view is
// fourteen joins, and planning them takes ten times longer than reading a schema.
var columnsThemselves = `FROM
	pg_catalog.pg_namespace AS t2
	JOIN pg_catalog.pg_class AS t3 ON t3.relnamespace = t2.oid AND t3.oid IN (` + heldBy("t2.oid") + `)
	JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t3.oid AND a.attnum > 0 AND NOT a.attisdropped
	JOIN pg_catalog.pg_type AS t4 ON t4.oid = a.atttypid
	LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	CROSS JOIN LATERAL (SELECT CASE t4.typtype WHEN 'd' THEN t4.typbasetype ELSE t4.oid END AS oid, CASE t4.typtype WHEN 'd' THEN t4.typtypmod ELSE a.atttypmod END AS mod OFFSET 0) AS b
	CROSS JOIN LATERAL (SELECT
		t2.nspname AS table_schema, t3.relname AS table_name, a.attname AS column_name, a.attnum::int AS ordinal_position,
		(SELECT CASE WHEN y.typelem <> 0 AND y.typlen = -1 THEN 'ARRAY' WHEN y.typnamespace = 'pg_catalog'::regnamespace THEN format_type(y.oid, NULL) ELSE 'USER-DEFINED' END
			FROM pg_catalog.pg_type AS y WHERE y.oid = b.oid) AS data_type,
		CASE WHEN a.attnotnull OR t4.typtype = 'd' AND t4.typnotnull THEN 'NO' ELSE 'YES' END AS is_nullable,
		CASE a.attgenerated WHEN '' THEN pg_get_expr(d.adbin, d.adrelid) END AS column_default,
		CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END AS generation_expression,
		information_schema._pg_char_max_length(b.oid, b.mod) AS character_maximum_length,
		information_schema._pg_numeric_precision(b.oid, b.mod) AS numeric_precision,
		information_schema._pg_datetime_precision(b.oid, b.mod) AS datetime_precision,
		information_schema._pg_numeric_scale(b.oid, b.mod) AS numeric_scale,
		information_schema._pg_interval_type(b.oid, b.mod) AS interval_type,
		NULL AS character_set_name,
		(SELECT l.collname FROM pg_catalog.pg_collation AS l WHERE l.oid = a.attcollation AND l.oid <> 'pg_catalog.default'::regcollation) AS collation_name,
		CASE WHEN a.attidentity IN ('a', 'd') THEN 'YES' ELSE 'NO' END AS is_identity,
		CASE a.attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' END AS identity_generation,
		(SELECT q.seqstart FROM ` + ownSequence + `) AS identity_start,
		(SELECT q.seqincrement FROM ` + ownSequence + `) AS identity_increment
	) AS t1
`

// ownSequence finds the sequence q of an identity.
const ownSequence = `pg_catalog.pg_depend AS p JOIN pg_catalog.pg_sequence AS q ON q.seqrelid = p.objid
			WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum AND p.classid = 'pg_class'::regclass AND p.deptype = 'i' AND a.attidentity <> ''`

const theSchema = "(SELECT oid FROM pg_namespace WHERE nspname = $1)"

// heldBy selects the relations of a schema, by its number.
func heldBy(schema string) string {
	return "SELECT d.objid FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_namespace'::regclass AND d.refobjid = " + schema
}

// columnOf selects the name of a column by its numbers. OFFSET keeps PostgreSQL from
// taking it for a join of all columns that there are.
func columnOf(relation, column string) string {
	return "SELECT a.attname FROM pg_attribute a WHERE a.attrelid = " + relation + " AND a.attnum = " + column + " OFFSET 0"
}
