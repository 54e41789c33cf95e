package postgres

import "strings"

// The catalog query describes schemas in PostgreSQL's own words: a line for
// each table, column, constraint, index and so on. It is one statement for any
// number of schemas, and every part of it is reached by an index from the
// schema's row: pg_depend (refclassid, refobjid) gives what a schema holds,
// where relnamespace, which no index serves, would mean a scan of pg_class.
//
// Names within the schema come out unqualified and all others qualified,
// because each definition is printed while search_path names just that schema
// before pg_catalog. So a schema's own name never enters a definition, whatever
// it is, and no text is ever replaced. See "search_path" in
// https://www.postgresql.org/docs/current/ddl-schemas.html#DDL-SCHEMAS-PATH.

// printed wraps an expression that PostgreSQL prints names in, so that it is
// evaluated under the search_path of its own schema. CASE fixes the order of
// evaluation; set_config is volatile, so it is never folded away.
func printed(expr string) string {
	return "CASE WHEN " + printing + " IS NOT NULL THEN " + expr + " END"
}

const printing = "set_config('search_path', o.path, true)"

// catalogCTE finds the objects of the schemas named by $1. Joins are in the order
// in which they are to be made; see steer.
var catalogCTE = `
WITH ns AS MATERIALIZED (
	SELECT n.oid, n.nspname, quote_ident(n.nspname) || ', pg_catalog' AS path
	FROM pg_namespace n WHERE n.nspname = ANY ($1::text[])
), o AS MATERIALIZED (
	SELECT ns.nspname, ns.path, d.classid, d.objid
	FROM ns ` + everything + `
	WHERE ` + ofItself + `
), rel AS MATERIALIZED (
	SELECT o.nspname, o.path, c.*
	FROM o JOIN pg_class c ON c.oid = o.objid
	WHERE o.classid = 'pg_class'::regclass AND NOT ` + isHistory + `
), typ AS MATERIALIZED (
	SELECT o.nspname, o.path, t.*
	FROM o JOIN pg_type t ON t.oid = o.objid
	WHERE o.classid = 'pg_type'::regclass
)`

// everything joins all that the schemas ns hold, as d.
const everything = `JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = ns.oid`

// ofItself is a condition: d neither belongs to an extension nor is a part of
// another object.
const ofItself = `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.objsubid = 0 AND e.deptype IN ('e', 'i'))`

// userTriggers joins the triggers of the relations of that alias which somebody
// has made, as t. PostgreSQL makes its own for every foreign key, on the table
// that is referred to as well: a shared table has some for each tenant.
func userTriggers(alias string) string {
	return `JOIN pg_trigger t ON t.tgrelid = ` + alias + `.oid AND NOT t.tgisinternal AND (t.tgname < 'RI_ConstraintTrigger_' OR t.tgname > 'RI_ConstraintTrigger_~')`
}

// nearTriggers is userTriggers for few relations: the two ends of an index, so
// that PostgreSQL's own are not even passed over.
func nearTriggers(alias string) string {
	return `CROSS JOIN LATERAL (
		SELECT x.xmin, x.ctid, x.* FROM pg_trigger x WHERE x.tgrelid = ` + alias + `.oid AND NOT x.tgisinternal AND x.tgname < 'RI_ConstraintTrigger_' UNION ALL
		SELECT x.xmin, x.ctid, x.* FROM pg_trigger x WHERE x.tgrelid = ` + alias + `.oid AND NOT x.tgisinternal AND x.tgname > 'RI_ConstraintTrigger_~') t`
}

// steer returns the settings that keep a catalog query's plan what it should
// be, whatever the statistics say or if there are none: for few schemas nested
// loops over indexes in the order written, for many one pass over each catalog
// and hash joins. Left to itself on a fresh database, the planner has chosen a
// nested loop of whole catalogs, a hundred times slower.
func steer(schemas int) string {
	const settings = "SET LOCAL search_path = pg_catalog; SET LOCAL jit = off; "
	if schemas <= fewSchemas {
		return settings + "SET LOCAL join_collapse_limit = 1; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_nestloop = on"
	}
	return settings + "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = off; SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '64MB'"
}

// fewSchemas is how many schemas are worth looking up one by one.
const fewSchemas = 20

// A part is one SELECT of the catalog query. Its rows are (schema, kind, table,
// name, definition); $own in an expression marks what is printed.
type part struct {
	kind  string // the literal kind, or an SQL expression where it starts with "("
	table string // SQL
	name  string // SQL
	def   string // SQL
	from  string // FROM and WHERE; alias o carries nspname and path

	kinds []string // the kinds that its rows can have, where kind is an expression
	when  string   // a condition over what the function has found: else it has no rows for sure
	group string   // of parts that the function prints together, or passes over together
	plain string   // SQL: the definition in a schema that has neither special tables nor special columns
}

// The groups of parts, for a function that prints a whole schema. Planning all parts
// takes longer than printing most schemas.
const (
	usually    = ""
	ofTypes    = "types"
	asComments = "comments"
	seldom     = "seldom"
)

// canBe returns the kinds that the part's rows can have.
func (p part) canBe() []string {
	if p.kinds != nil {
		return p.kinds
	}
	return []string{p.kind}
}

const tableKinds = `o.relkind IN ('r', 'p', 'f')`

// parts lists every kind of line. The kinds themselves are documented with
// schema.Line; the order here does not matter, lines are sorted.
func parts(version int) []part {
	notNull := part{
		kind: "not null", table: "o.relname", name: "a.attname", def: "''", when: "has_not_null",
		from: `FROM rel o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull WHERE ` + tableKinds,
	}
	if version >= 18_00_00 {
		// Since 18 NOT NULL is a constraint with a name of its own:
		// https://www.postgresql.org/docs/18/catalog-pg-constraint.html
		notNull.from = `FROM rel o JOIN pg_constraint k ON k.conrelid = o.oid AND k.contype = 'n'
			JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum = k.conkey[1] WHERE ` + tableKinds
		notNull.def = `concat_ws(' ', CASE WHEN k.conname <> o.relname || '_' || a.attname || '_not_null' THEN quote_ident(k.conname) END,
			CASE WHEN k.connoinherit THEN 'NO INHERIT' END, CASE WHEN NOT k.convalidated THEN 'NOT VALID' END)`
	}
	return []part{
		historyPart,
		{kind: "enum", group: ofTypes, when: "type_kinds ~ 'e'", table: "''", name: "o.typname",
			def:  `(SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = o.oid)`,
			from: `FROM typ o WHERE o.typtype = 'e'`},
		{kind: "domain", group: ofTypes, when: "type_kinds ~ 'd'", table: "''", name: "o.typname",
			def: printed(`concat_ws(' ', format_type(o.typbasetype, o.typtypmod),
				(SELECT 'COLLATE ' || o.typcollation::regcollation::text FROM pg_type b WHERE b.oid = o.typbasetype AND b.typcollation <> o.typcollation),
				'DEFAULT ' || pg_get_expr(o.typdefaultbin, 0), CASE WHEN o.typnotnull THEN 'NOT NULL' END)`),
			from: `FROM typ o WHERE o.typtype = 'd'`},
		{kind: "domain constraint", group: ofTypes, when: "type_kinds ~ 'd'", table: "o.typname", name: "k.conname",
			def:  printed(`pg_get_constraintdef(k.oid)`),
			from: `FROM typ o JOIN pg_constraint k ON k.contypid = o.oid AND k.contype <> 'n' WHERE o.typtype = 'd'`},
		{kind: "composite type", group: ofTypes, when: "type_kinds ~ 'c'", table: "''", name: "o.typname",
			def: printed(`'(' || (SELECT string_agg(concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
				(SELECT 'COLLATE ' || a.attcollation::regcollation::text FROM pg_type b WHERE b.oid = a.atttypid AND b.typcollation <> a.attcollation)), ', ' ORDER BY a.attnum)
				FROM pg_attribute a WHERE a.attrelid = o.typrelid AND a.attnum > 0 AND NOT a.attisdropped) || ')'`),
			from: `FROM typ o JOIN pg_class c ON c.oid = o.typrelid AND c.relkind = 'c' WHERE o.typtype = 'c'`},
		{kind: "range type", group: ofTypes, when: "type_kinds ~ 'r'", table: "''", name: "o.typname",
			def: printed(`concat_ws(', ', 'SUBTYPE = ' || format_type(r.rngsubtype, NULL),
				(SELECT 'SUBTYPE_OPCLASS = ' || quote_ident(nc.nspname) || '.' || quote_ident(oc.opcname) FROM pg_opclass oc JOIN pg_namespace nc ON nc.oid = oc.opcnamespace WHERE oc.oid = r.rngsubopc AND NOT oc.opcdefault),
				(SELECT 'COLLATION = ' || r.rngcollation::regcollation::text FROM pg_type b WHERE b.oid = r.rngsubtype AND b.typcollation <> r.rngcollation),
				CASE WHEN r.rngcanonical <> 0 THEN 'CANONICAL = ' || r.rngcanonical::text END,
				CASE WHEN r.rngsubdiff <> 0 THEN 'SUBTYPE_DIFF = ' || r.rngsubdiff::text END,
				'MULTIRANGE_TYPE_NAME = ' || format_type(r.rngmultitypid, NULL))`),
			from: `FROM typ o JOIN pg_range r ON r.rngtypid = o.oid WHERE o.typtype = 'r'`},
		{kind: "table", when: "has_tables", table: "''", name: "o.relname",
			def: printed(`concat_ws(' ', CASE o.relpersistence WHEN 'u' THEN 'UNLOGGED' WHEN 't' THEN 'TEMPORARY' END,
				CASE WHEN o.relispartition THEN (SELECT 'PARTITION OF ' || i.inhparent::regclass::text FROM pg_inherits i WHERE i.inhrelid = o.oid) || ' ' || pg_get_expr(o.relpartbound, o.oid)
				ELSE (SELECT 'INHERITS (' || string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) || ')' FROM pg_inherits i WHERE i.inhrelid = o.oid) END,
				CASE WHEN o.relkind = 'p' THEN 'PARTITION BY ' || pg_get_partkeydef(o.oid) END,
				CASE WHEN o.relkind = 'f' THEN (SELECT 'SERVER ' || quote_ident(s.srvname) FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = o.oid) END,
				(SELECT 'USING ' || quote_ident(m.amname) FROM pg_am m WHERE m.oid = o.relam AND m.amname <> 'heap'),
				'WITH (' || array_to_string(o.reloptions || (SELECT array_agg('toast.' || x ORDER BY i) FROM pg_class t, unnest(t.reloptions) WITH ORDINALITY u (x, i) WHERE t.oid = o.reltoastrelid), ', ') || ')',
				(SELECT 'TABLESPACE ' || quote_ident(s.spcname) FROM pg_tablespace s WHERE s.oid = o.reltablespace))`),
			plain: "''",
			from:  `FROM rel o WHERE ` + tableKinds},
		{kind: "replica identity", group: seldom, when: "has_replica_identity", table: "''", name: "o.relname",
			def: `CASE o.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' ELSE 'USING INDEX ' ||
				(SELECT quote_ident(c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = o.oid AND i.indisreplident) END`,
			from: `FROM rel o WHERE o.relreplident <> 'd' AND ` + tableKinds},
		{kind: "cluster", group: seldom, when: "has_clustered", table: "''", name: "o.relname",
			def:  `(SELECT quote_ident(c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = o.oid AND i.indisclustered)`,
			from: `FROM rel o WHERE EXISTS (SELECT FROM pg_index i WHERE i.indrelid = o.oid AND i.indisclustered)`},
		{kind: "column", when: "has_tables", table: "o.relname", name: "a.attname",
			def: printed(`concat_ws(' ', format_type(a.atttypid, a.atttypmod),
				(SELECT 'COLLATE ' || a.attcollation::regcollation::text FROM pg_type b WHERE b.oid = a.atttypid AND b.typcollation <> a.attcollation),
				CASE WHEN a.attgenerated <> '' THEN (SELECT 'GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ')' FROM pg_attrdef d WHERE d.adrelid = o.oid AND d.adnum = a.attnum)
				|| CASE a.attgenerated WHEN 's' THEN ' STORED' WHEN 'v' THEN ' VIRTUAL' END END)`),
			plain: printed("format_type(a.atttypid, a.atttypmod)"),
			from:  columnsOf},
		{kind: "column options", group: seldom, when: "has_options", table: "o.relname", name: "a.attname",
			def: `concat_ws(', ', (SELECT 'STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' WHEN 'x' THEN 'EXTENDED' END
				FROM pg_type b WHERE b.oid = a.atttypid AND b.typstorage <> a.attstorage),
				CASE a.attcompression WHEN 'p' THEN 'COMPRESSION pglz' WHEN 'l' THEN 'COMPRESSION lz4' END,
				CASE WHEN a.attstattarget >= 0 THEN 'STATISTICS ' || a.attstattarget END,
				'(' || ` + ownOptions + ` || ')')`,
			from: columnsOf + ` AND (a.attcompression <> '' OR a.attstattarget >= 0 OR ` + ownOptions + ` IS NOT NULL
				OR a.attstorage <> (SELECT b.typstorage FROM pg_type b WHERE b.oid = a.atttypid))`},
		notNull,
		{kind: "default", when: "has_defaults", table: "o.relname", name: "a.attname",
			def: printed(`pg_get_expr(d.adbin, d.adrelid)`),
			from: `FROM rel o JOIN pg_attrdef d ON d.adrelid = o.oid
				JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum = d.adnum AND a.attgenerated = '' WHERE ` + tableKinds},
		{kind: "identity", when: "has_identity", table: "o.relname", name: "a.attname",
			def: `'GENERATED ' || CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END || ' AS IDENTITY (SEQUENCE NAME ' || quote_ident(q.relname) || ' ' || ` + sequenceOptions + ` || ')'`,
			from: `FROM rel o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND a.attidentity <> '' AND NOT a.attisdropped
				JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = o.oid AND d.refobjsubid = a.attnum AND d.classid = 'pg_class'::regclass AND d.deptype = 'i'
				JOIN pg_class q ON q.oid = d.objid
				JOIN pg_sequence s ON s.seqrelid = d.objid WHERE o.relkind IN ('r', 'p')`},
		{kind: "constraint", when: "has_tables", table: "o.relname", name: "k.conname",
			def:  printed(`pg_get_constraintdef(k.oid)`) + ` || coalesce((SELECT ' WITH (' || array_to_string(i.reloptions, ', ') || ')' FROM pg_class i WHERE i.oid = k.conindid AND k.contype IN ('p', 'u', 'x')), '')`,
			from: `FROM rel o JOIN pg_constraint k ON k.conrelid = o.oid AND k.contype IN ('p', 'u', 'x', 'f', 'c') AND k.conparentid = 0 AND k.conislocal WHERE ` + tableKinds},
		{kind: "(CASE o.relkind WHEN 'm' THEN 'materialized view index' ELSE 'index' END)", kinds: []string{"index", "materialized view index"}, when: "has_indexes", table: "o.relname", name: "c.relname",
			// pg_get_indexdef qualifies the table whatever the search_path, so the known beginning is cut off by its length.
			def: `CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END || ` + printed(`substr(pg_get_indexdef(i.indexrelid), length('CREATE INDEX  ON . ' || CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END
				|| CASE c.relkind WHEN 'I' THEN 'ONLY ' ELSE '' END || quote_ident(c.relname) || quote_ident(o.nspname) || quote_ident(o.relname)) + 1)`) +
				` || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END`,
			from: `FROM rel o JOIN pg_index i ON i.indrelid = o.oid
				JOIN pg_class c ON c.oid = i.indexrelid AND NOT c.relispartition
				WHERE o.relkind IN ('r', 'p', 'm') AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = o.oid AND k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))`},
		{kind: "(CASE WHEN w.objid IS NULL THEN 'sequence' ELSE 'owned sequence' END)", group: seldom, kinds: []string{"sequence", "owned sequence"}, when: "has_sequences", table: "''", name: "o.relname",
			def: `'AS ' || format_type(s.seqtypid, NULL) || ' ' || ` + sequenceOptions + ` || coalesce(' OWNED BY ' || quote_ident(c.relname) || '.' || quote_ident(a.attname), '')`,
			from: `FROM rel o JOIN pg_sequence s ON s.seqrelid = o.oid
				LEFT JOIN pg_depend w ON w.classid = 'pg_class'::regclass AND w.objid = o.oid AND w.objsubid = 0 AND w.refclassid = 'pg_class'::regclass AND w.deptype = 'a' AND w.refobjsubid > 0
				LEFT JOIN pg_class c ON c.oid = w.refobjid LEFT JOIN pg_attribute a ON a.attrelid = w.refobjid AND a.attnum = w.refobjsubid
				WHERE o.relkind = 'S'`},
		{kind: "(CASE o.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END)", group: seldom, kinds: []string{"view", "materialized view"}, when: "has_views", table: "''", name: "o.relname",
			def:  printed(`coalesce('WITH (' || array_to_string(o.reloptions, ', ') || ') ', '') || 'AS ' || pg_get_viewdef(o.oid)`),
			from: `FROM rel o WHERE o.relkind IN ('v', 'm')`},
		{kind: "trigger", group: seldom, when: "these_triggers IS NOT NULL", table: "o.relname", name: "t.tgname",
			def:  printed(`pg_get_triggerdef(t.oid, true)`) + ` || CASE t.tgenabled WHEN 'D' THEN ' DISABLED' WHEN 'R' THEN ' REPLICA' WHEN 'A' THEN ' ALWAYS' ELSE '' END`,
			from: `FROM rel o ` + userTriggers("o") + ` WHERE t.tgparentid = 0`},
		{kind: "rule", group: seldom, when: "has_rules", table: "o.relname", name: "r.rulename",
			def:  printed(`pg_get_ruledef(r.oid, true)`),
			from: `FROM rel o JOIN pg_rewrite r ON r.ev_class = o.oid AND r.rulename <> '_RETURN'`},
		{kind: "row security", group: seldom, when: "has_security", table: "''", name: "o.relname",
			def:  `concat_ws(' ', CASE WHEN NOT o.relrowsecurity THEN 'DISABLED' END, CASE WHEN o.relforcerowsecurity THEN 'FORCE' END)`,
			from: `FROM rel o WHERE o.relrowsecurity OR o.relforcerowsecurity`},
		{kind: "policy", group: seldom, when: "has_policies", table: "o.relname", name: "p.polname",
			def: printed(`concat_ws(' ', CASE WHEN p.polpermissive THEN 'AS PERMISSIVE' ELSE 'AS RESTRICTIVE' END,
				'FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
				'TO ' || (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE r::regrole::text END, ', ' ORDER BY r::regrole::text COLLATE "C") FROM unnest(p.polroles) r),
				'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', 'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')`),
			from: `FROM rel o JOIN pg_policy p ON p.polrelid = o.oid`},
		{kind: "(CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END)", group: seldom, kinds: []string{"procedure", "aggregate", "function"}, when: "'pg_proc'::regclass = ANY (these_classes)", table: "''",
			name: printed(`quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')'`),
			def: printed(`CASE WHEN p.prokind = 'a' THEN (SELECT ` + aggregateDefinition + ` FROM pg_aggregate g WHERE g.aggfnoid = p.oid)
				ELSE substr(pg_get_functiondef(p.oid), length('CREATE OR REPLACE ' || CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END || quote_ident(o.nspname) || '.') + 1) END`),
			from: `FROM o JOIN pg_proc p ON p.oid = o.objid WHERE o.classid = 'pg_proc'::regclass`},
		{kind: "statistics", group: seldom, when: "'pg_statistic_ext'::regclass = ANY (these_classes)", table: "''", name: "x.stxname",
			// Put together here, because pg_get_statisticsobjdef lists the columns in the order in which they were added.
			def: printed(`(SELECT CASE WHEN count(*) > 0 AND x.stxkind::text[] <> ARRAY['e'] THEN '(' || string_agg(CASE k WHEN 'd' THEN 'ndistinct' WHEN 'f' THEN 'dependencies' WHEN 'm' THEN 'mcv' END, ', ' ORDER BY k) || ') ' ELSE '' END
				FROM unnest(x.stxkind::text[]) k WHERE k <> 'e') || 'ON ' || concat_ws(', ',
				(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C") FROM pg_attribute a WHERE a.attrelid = x.stxrelid AND a.attnum = ANY (x.stxkeys)),
				array_to_string(pg_get_statisticsobjdef_expressions(x.oid), ', '))
				|| ' FROM ' || x.stxrelid::regclass::text`),
			from: `FROM o JOIN pg_statistic_ext x ON x.oid = o.objid WHERE o.classid = 'pg_statistic_ext'::regclass`},
		// Whatever else a schema can hold is at least named, so that nothing passes unseen.
		{kind: "(i.type)", group: seldom, when: "some_relations IS NULL", table: "''", name: "coalesce(i.name, substr(i.identity, length(i.schema) + 2))", def: "''",
			from: `FROM o JOIN LATERAL pg_identify_object(o.classid, o.objid, 0) i ON true
				WHERE o.classid NOT IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass, 'pg_statistic_ext'::regclass, 'pg_constraint'::regclass, 'pg_default_acl'::regclass)`},
		{kind: "type", group: ofTypes, when: "type_kinds ~ '[^edcrm]'", table: "''", name: "o.typname", def: "''", from: `FROM typ o WHERE o.typtype NOT IN ('e', 'd', 'c', 'r', 'm')`},
		// Comments: the name is what follows COMMENT ON, the definition what follows IS.
		comment("has_comments AND some_relations IS NULL", "'comment'", "'SCHEMA'", `SELECT 'pg_namespace'::regclass AS classid, o.oid AS objid, 0 AS sub, '' AS owner, '' AS ident, o.* FROM ns o`),
		comment("has_comments", relationComment, "CASE o.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END",
			`SELECT 'pg_class'::regclass AS classid, o.oid AS objid, 0 AS sub, o.relname AS owner, quote_ident(o.relname) AS ident, o.* FROM rel o`),
		comment("has_column_comments", relationComment, "'COLUMN'", `SELECT 'pg_class'::regclass AS classid, o.oid AS objid, a.attnum AS sub, o.relname AS owner, quote_ident(o.relname) || '.' || quote_ident(a.attname) AS ident, o.*
			FROM rel o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped`),
		comment("has_index_comments", relationComment, "'INDEX'", `SELECT 'pg_class'::regclass AS classid, i.indexrelid AS objid, 0 AS sub, o.relname AS owner, quote_ident(c.relname) AS ident, o.*
			FROM rel o JOIN pg_index i ON i.indrelid = o.oid AND true JOIN pg_class c ON c.oid = i.indexrelid`),
		comment("has_constraint_comments", "'comment'", "'CONSTRAINT'", `SELECT 'pg_constraint'::regclass AS classid, k.oid AS objid, 0 AS sub, o.relname AS owner, quote_ident(k.conname) || ' ON ' || quote_ident(o.relname) AS ident, o.*
			FROM rel o JOIN pg_constraint k ON k.conrelid = o.oid`),
		comment("has_comments AND these_types IS NOT NULL", "'comment'", "CASE o.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END",
			`SELECT 'pg_type'::regclass AS classid, o.oid AS objid, 0 AS sub, '' AS owner, quote_ident(o.typname) AS ident, o.* FROM typ o`),
		comment("has_comments AND 'pg_proc'::regclass = ANY (these_classes)", "'object comment'", "'ROUTINE'", `SELECT 0 AS sub, '' AS owner, `+printed(`quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')'`)+` AS ident, o.*
			FROM o JOIN pg_proc p ON p.oid = o.objid WHERE o.classid = 'pg_proc'::regclass`),
		comment("has_trigger_comments", "'object comment'", "'TRIGGER'", `SELECT 'pg_trigger'::regclass AS classid, t.oid AS objid, 0 AS sub, o.relname AS owner, quote_ident(t.tgname) || ' ON ' || quote_ident(o.relname) AS ident, o.*
			FROM rel o `+userTriggers("o")),
		comment("has_policies", "'object comment'", "'POLICY'", `SELECT 'pg_policy'::regclass AS classid, p.oid AS objid, 0 AS sub, o.relname AS owner, quote_ident(p.polname) || ' ON ' || quote_ident(o.relname) AS ident, o.*
			FROM rel o JOIN pg_policy p ON p.polrelid = o.oid`),
	}
}

// relationComment is the kind of a comment on a relation, or on a part of it.
const relationComment = `CASE WHEN o.relkind IN ('r', 'p', 'f') THEN 'comment' ELSE 'object comment' END`

// ownOptions are the options of a column that somebody has set. PostgreSQL 15.20
// was seen to keep a number of its own among them, pg_attver, which is another in
// each table, moves when the table is altered, and cannot be set or reset.
const ownOptions = `(SELECT string_agg(x, ', ' ORDER BY n) FROM unnest(a.attoptions) WITH ORDINALITY u (x, n) WHERE x NOT LIKE 'pg\_attver=%')`

const columnsOf = `FROM rel o JOIN pg_attribute a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE ` + tableKinds

// aggregateDefinition prints a row g of pg_aggregate, and p of pg_proc, as CREATE
// AGGREGATE takes it.
const aggregateDefinition = `concat_ws(', ', 'SFUNC = ' || g.aggtransfn::text, 'STYPE = ' || format_type(g.aggtranstype, NULL), CASE WHEN g.aggtransspace <> 0 THEN 'SSPACE = ' || g.aggtransspace END,
	CASE WHEN g.aggfinalfn <> 0 THEN 'FINALFUNC = ' || g.aggfinalfn::text || ', FINALFUNC_MODIFY = ' || CASE g.aggfinalmodify WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END, CASE WHEN g.aggfinalextra THEN 'FINALFUNC_EXTRA' END,
	CASE WHEN g.aggcombinefn <> 0 THEN 'COMBINEFUNC = ' || g.aggcombinefn::text END,
	CASE WHEN g.aggserialfn <> 0 THEN 'SERIALFUNC = ' || g.aggserialfn::text || ', DESERIALFUNC = ' || g.aggdeserialfn::text END,
	'INITCOND = ' || quote_literal(g.agginitval),
	CASE WHEN g.aggmtransfn <> 0 THEN 'MSFUNC = ' || g.aggmtransfn::text || ', MINVFUNC = ' || g.aggminvtransfn::text || ', MSTYPE = ' || format_type(g.aggmtranstype, NULL) END,
	CASE WHEN g.aggmtransspace <> 0 THEN 'MSSPACE = ' || g.aggmtransspace END,
	CASE WHEN g.aggmfinalfn <> 0 THEN 'MFINALFUNC = ' || g.aggmfinalfn::text || ', MFINALFUNC_MODIFY = ' || CASE g.aggmfinalmodify WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END, CASE WHEN g.aggmfinalextra THEN 'MFINALFUNC_EXTRA' END,
	'MINITCOND = ' || quote_literal(g.aggminitval), CASE WHEN g.aggsortop <> 0 THEN 'SORTOP = ' || (SELECT q.oprname FROM pg_operator q WHERE q.oid = g.aggsortop) END,
	CASE p.proparallel WHEN 's' THEN 'PARALLEL = SAFE' WHEN 'r' THEN 'PARALLEL = RESTRICTED' END, CASE WHEN g.aggkind = 'h' THEN 'HYPOTHETICAL' END)`

// sequenceOptions prints a row s of pg_sequence as CREATE SEQUENCE takes it.
const sequenceOptions = `format('START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s', s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache) || CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END`

// comment makes the part for comments on the objects that a query finds; kind
// and word (what follows COMMENT ON) are expressions over its rows.
func comment(when, kind, word, objects string) part {
	return part{
		kinds: []string{"comment", "object comment"}, when: when, group: asComments,
		kind: "(" + kind + ")", table: "o.owner", name: "rtrim(" + word + " || ' ' || o.ident)", def: "quote_literal(d.description)",
		from: `FROM (` + objects + `) o JOIN pg_description d
			ON d.objoid = o.objid AND d.classoid = o.classid AND d.objsubid = o.sub`,
	}
}

// linesQuery returns rows (schema, kind, tbl, name, def), unordered, for the
// schemas named by $1 on a server of the given server_version_num.
func linesQuery(version int) string {
	return catalogCTE + "\n" + selectLines(parts(version))
}

func selectLines(parts []part) string {
	var all []string
	for _, p := range parts {
		all = append(all, "SELECT o.nspname::text AS schema, "+p.columns()+"\n"+p.from)
	}
	return strings.Join(all, "\nUNION ALL ")
}

// columns is what the part selects.
func (p part) columns() string {
	kind := p.kind
	if !strings.HasPrefix(kind, "(") {
		kind = literal(kind)
	}
	return kind + "::text AS kind, (" + p.table + ")::text AS tbl, (" + p.name + ")::text AS name, coalesce((" + p.def + ")::text, '') AS def"
}

// fingerprintQuery returns a row (schema, structure, objects) for each schema
// of $1 that exists: the hashes of its lines whose kind is in $2, and of the
// others. It computes what schema.FingerprintOf does.
func fingerprintQuery(version int) string {
	return `WITH lines AS (` + linesQuery(version) + `), escaped AS (
	SELECT l.schema, l.kind = ANY ($2::text[]) AS structure, ` + lineText + ` AS line
	FROM lines l
), hashed AS (
	SELECT e.schema, ` + hashed("e.structure") + ` AS structure, ` + hashed("NOT e.structure") + ` AS objects
	FROM escaped e GROUP BY e.schema
)
SELECT n.nspname::text AS schema, coalesce(h.structure, '') AS structure, coalesce(h.objects, '') AS objects
FROM pg_namespace n LEFT JOIN hashed h ON h.schema = n.nspname::text WHERE n.nspname = ANY ($1::text[])`
}

// lineText is a line l in one text, as package schema hashes it.
var lineText = `concat_ws(E'\t', ` + escaped("l.kind") + `, ` + escaped("l.tbl") + `, ` + escaped("l.name") + `, ` + escaped("l.def") + `)`

func escaped(field string) string {
	return `replace(replace(replace(` + field + `, E'\\', E'\\\\'), E'\t', E'\\t'), E'\n', E'\\n')`
}

func hashed(filter string) string {
	return sha256Of(`string_agg(e.line, E'\n' ORDER BY e.line COLLATE "C") FILTER (WHERE ` + filter + `)`)
}

// sha256Of is the hash of a text as package schema writes it.
func sha256Of(text string) string { return `encode(sha256(convert_to(` + text + `, 'UTF8')), 'hex')` }
