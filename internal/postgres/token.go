package postgres

import (
	"strings"

	"tenantry/schema"
)

// A token is a hash over which rows of the catalogs describe a schema, and in
// which version (xmin): when it has not moved, neither has the structure. It
// can move for nothing (TRUNCATE, CLUSTER, REINDEX), never stand still for
// something. Triggers that enforce foreign keys are left out: a new tenant puts
// its own onto the shared tables that it refers to.

// tokenCTE finds all that the schemas named by $1 hold among the candidates:
// catalogCTE without the search for what belongs to extensions or to other
// objects, which costs more than it saves.
func tokenCTE(candidates string) string {
	return `
WITH ns AS MATERIALIZED (
	SELECT n.oid, n.xmin AS version, n.nspname, n.nspowner FROM pg_namespace n WHERE n.nspname = ANY ($1::text[])
), o AS MATERIALIZED (
	SELECT ns.nspname, d.classid, d.objid FROM ns ` + candidates + `
), rel AS MATERIALIZED (
	SELECT o.nspname, c.oid, c.xmin AS version, c.relname FROM o JOIN pg_class c ON c.oid = o.objid WHERE o.classid = 'pg_class'::regclass
), typ AS MATERIALIZED (
	SELECT o.nspname, t.oid, t.xmin AS version, t.typtype, t.typrelid FROM o JOIN pg_type t ON t.oid = o.objid WHERE o.classid = 'pg_type'::regclass
)`
}

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
	{"t.oid, 0", "t.xmin", "FROM rel n " + userTriggers("n")},
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
	// What is granted on objects that its owner is yet to make.
	{"d.oid, 0", "d.xmin", "FROM ns n JOIN pg_default_acl d ON d.defaclrole = n.nspowner AND d.defaclnamespace = n.oid"},
	// Whatever else the schema holds: that it is there.
	{"n.objid, 0", "'0'::xid", "FROM o n WHERE n.classid NOT IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass, 'pg_statistic_ext'::regclass)"},
	// Comments, of all of these.
	{"d.objoid, d.objsubid", "d.xmin", "FROM ns n JOIN pg_description d ON d.objoid = n.oid AND d.classoid = 'pg_namespace'::regclass"},
	{"d.objoid, d.objsubid", "d.xmin", "FROM rel n JOIN pg_description d ON d.objoid = n.oid AND d.classoid = 'pg_class'::regclass"},
	{"d.objoid, d.objsubid", "d.xmin", "FROM o n JOIN pg_description d ON d.objoid = n.objid AND d.classoid = n.classid WHERE n.classid <> 'pg_class'::regclass"},
	{"d.objoid, d.objsubid", "d.xmin", "FROM rel n JOIN pg_index i ON i.indrelid = n.oid JOIN pg_description d ON d.objoid = i.indexrelid AND d.classoid = 'pg_class'::regclass"},
	{"d.objoid, d.objsubid", "d.xmin", "FROM rel n JOIN pg_constraint k ON k.conrelid = n.oid JOIN pg_description d ON d.objoid = k.oid AND d.classoid = 'pg_constraint'::regclass"},
	{"d.objoid, d.objsubid", "d.xmin", "FROM rel n " + userTriggers("n") + " JOIN pg_description d ON d.objoid = t.oid AND d.classoid = 'pg_trigger'::regclass"},
	{"d.objoid, d.objsubid", "d.xmin", "FROM rel n JOIN pg_policy k ON k.polrelid = n.oid JOIN pg_description d ON d.objoid = k.oid AND d.classoid = 'pg_policy'::regclass"},
}

// tokenQuery returns a row (schema, token) for each schema of $1 that exists. A
// token is a sum and a count, so that the order of the rows is irrelevant, and
// what some rows add to it can be taken out and put in again; the part's number
// keeps the catalogs apart.
var tokenQuery = tokenCTE(everything) + `
SELECT p.schema, (sum(p.hash)::text || '/' || count(*)) AS token FROM (` + tokenRows("n.nspname::text AS schema", anyPart) + `) p GROUP BY p.schema`

// weightQuery returns a row (hash, rows): what the relations of one schema that
// a function's argument some_relations names add to its token.
var weightQuery = tokenCTE(namedRelations) + `
SELECT coalesce(sum(p.hash), 0) AS hash, count(*) AS rows FROM (` + tokenRows("", ofRelations) + `) p`

// marksQuery returns a row (relation, mark) for each relation of one schema, and
// for all else under "". A mark moves when a catalog row of it does, within one
// transaction too: a row's place (ctid) does, where its version (xmin) would not.
var marksQuery = strings.ReplaceAll(tokenCTE(everything)+`
SELECT p.relation, (sum(p.hash)::text || '/' || count(*)) AS mark FROM (`+
	tokenRows("n.relname::text AS relation", ofRelations)+"\nUNION ALL"+tokenRows("'' AS relation", func(from string) bool { return !ofRelations(from) })+
	`) p GROUP BY p.relation`, ".xmin", ".ctid")

// tokenRows returns the rows of the parts asked for, with a hash and what
// selected says. The form of lines is in the hash: what was recorded of another
// form says nothing of this one.
func tokenRows(selected string, asked func(from string) bool) string {
	var b strings.Builder
	for i, p := range tokenParts {
		if !asked(p.from) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\nUNION ALL")
		}
		b.WriteString("\nSELECT hash_record_extended(ROW(" + p.id + ", " + p.version + "), " + itoa(schema.LineForm*1000+i) + ") AS hash")
		if selected != "" {
			b.WriteString(", " + selected)
		}
		b.WriteString(" " + p.from)
	}
	return b.String()
}

func anyPart(string) bool { return true }

func ofRelations(from string) bool { return strings.HasPrefix(from, "FROM rel n") }
