package postgres

import "strings"

// A token is a hash over which rows of the catalogs describe a schema, and in
// which version (xmin): when it has not moved, neither has the structure. It
// can move for nothing (TRUNCATE, CLUSTER, REINDEX), never stand still for
// something. Triggers that enforce foreign keys are left out: a new tenant puts
// its own onto the shared tables that it refers to.

// tokenCTE finds all that the schemas named by $1 hold: catalogCTE without the
// search for what belongs to extensions or to other objects, which costs more
// than it saves.
const tokenCTE = `
WITH ns AS MATERIALIZED (
	SELECT n.oid, n.xmin AS version, n.nspname FROM pg_namespace n WHERE n.nspname = ANY ($1::text[])
), o AS MATERIALIZED (
	SELECT ns.nspname, d.classid, d.objid
	FROM ns JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = ns.oid
), rel AS MATERIALIZED (
	SELECT o.nspname, c.oid, c.xmin AS version FROM o JOIN pg_class c ON c.oid = o.objid WHERE o.classid = 'pg_class'::regclass
), typ AS MATERIALIZED (
	SELECT o.nspname, t.oid, t.xmin AS version, t.typtype, t.typrelid FROM o JOIN pg_type t ON t.oid = o.objid WHERE o.classid = 'pg_type'::regclass
)`

// tokenParts are the rows that count: a constant for the catalog, the row's
// identity, and where it is found.
var tokenParts = []struct{ id, version, from string }{
	{"n.oid, 0", "n.version", "FROM ns n"},
	{"n.oid, 0", "n.version", "FROM rel n"},
	{"a.attrelid, a.attnum", "a.xmin", "FROM rel n JOIN pg_attribute a ON a.attrelid = n.oid AND a.attnum > 0"},
	{"d.oid, 0", "d.xmin", "FROM rel n JOIN pg_attrdef d ON d.adrelid = n.oid"},
	{"k.oid, 0", "k.xmin", "FROM rel n JOIN pg_constraint k ON k.conrelid = n.oid"},
	{"i.indexrelid, 0", "i.xmin", "FROM rel n JOIN pg_index i ON i.indrelid = n.oid"},
	{"c.oid, 0", "c.xmin", "FROM rel n JOIN pg_index i ON i.indrelid = n.oid JOIN pg_class c ON c.oid = i.indexrelid"},
	{"t.oid, 0", "t.xmin", "FROM rel n JOIN pg_trigger t ON t.tgrelid = n.oid AND NOT t.tgisinternal"},
	{"p.oid, 0", "p.xmin", "FROM rel n JOIN pg_policy p ON p.polrelid = n.oid"},
	{"r.oid, 0", "r.xmin", "FROM rel n JOIN pg_rewrite r ON r.ev_class = n.oid"},
	{"s.seqrelid, 0", "s.xmin", "FROM rel n JOIN pg_sequence s ON s.seqrelid = n.oid"},
	{"h.inhrelid, h.inhseqno", "h.xmin", "FROM rel n JOIN pg_inherits h ON h.inhrelid = n.oid"},
	{"n.oid, 0", "n.version", "FROM typ n"},
	{"e.oid, 0", "e.xmin", "FROM typ n JOIN pg_enum e ON e.enumtypid = n.oid"},
	{"k.oid, 0", "k.xmin", "FROM typ n JOIN pg_constraint k ON k.contypid = n.oid"},
	{"a.attrelid, a.attnum", "a.xmin", "FROM typ n JOIN pg_attribute a ON a.attrelid = n.typrelid AND a.attnum > 0 WHERE n.typtype = 'c'"},
	{"p.oid, 0", "p.xmin", "FROM o n JOIN pg_proc p ON p.oid = n.objid WHERE n.classid = 'pg_proc'::regclass"},
	{"x.oid, 0", "x.xmin", "FROM o n JOIN pg_statistic_ext x ON x.oid = n.objid WHERE n.classid = 'pg_statistic_ext'::regclass"},
	// Whatever else the schema holds: that it is there.
	{"n.objid, 0", "'0'::xid", "FROM o n WHERE n.classid NOT IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass, 'pg_statistic_ext'::regclass)"},
	// Comments, of all of these.
	{"d.objoid, d.objsubid", "d.xmin", "FROM ns n JOIN pg_description d ON d.objoid = n.oid AND d.classoid = 'pg_namespace'::regclass"},
	{"d.objoid, d.objsubid", "d.xmin", "FROM o n JOIN pg_description d ON d.objoid = n.objid AND d.classoid = n.classid"},
	{"d.objoid, d.objsubid", "d.xmin", "FROM rel n JOIN pg_index i ON i.indrelid = n.oid JOIN pg_description d ON d.objoid = i.indexrelid AND d.classoid = 'pg_class'::regclass"},
	{"d.objoid, d.objsubid", "d.xmin", "FROM rel n JOIN pg_constraint k ON k.conrelid = n.oid JOIN pg_description d ON d.objoid = k.oid AND d.classoid = 'pg_constraint'::regclass"},
	{"d.objoid, d.objsubid", "d.xmin", "FROM rel n JOIN pg_trigger k ON k.tgrelid = n.oid AND NOT k.tgisinternal JOIN pg_description d ON d.objoid = k.oid AND d.classoid = 'pg_trigger'::regclass"},
	{"d.objoid, d.objsubid", "d.xmin", "FROM rel n JOIN pg_policy k ON k.polrelid = n.oid JOIN pg_description d ON d.objoid = k.oid AND d.classoid = 'pg_policy'::regclass"},
}

// tokenQuery returns a row (schema, token) for each schema of $1 that exists.
// The sum makes the order of the rows irrelevant; the part's number keeps the
// catalogs apart.
var tokenQuery = func() string {
	var b strings.Builder
	b.WriteString(tokenCTE)
	b.WriteString("\nSELECT p.nspname::text AS schema, (sum(p.hash)::text || '/' || count(*)) AS token FROM (")
	for i, p := range tokenParts {
		if i > 0 {
			b.WriteString("\nUNION ALL")
		}
		b.WriteString("\nSELECT n.nspname, hash_record_extended(ROW(" + p.id + ", " + p.version + "), " + itoa(i) + ")AS hash " + p.from)
	}
	b.WriteString(") p GROUP BY p.nspname")
	return b.String()
}()
