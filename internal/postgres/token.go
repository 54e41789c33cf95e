package postgres

import (
	"fmt"
	"strings"

	"tenantry/schema"
)

// A token is a hash over which rows of the catalogs describe a schema, and in
// which version (xmin): when it has not moved, neither has the structure. It
// can move for nothing (TRUNCATE, CLUSTER, REINDEX), never stand still for
// something. Triggers that enforce foreign keys are left out: a new tenant puts
// its own onto the shared tables that it refers to.

// tokenCTE finds all that the schemas named by $1 hold: catalogCTE without the
// search for what belongs to extensions or to other objects, which costs more than
// it saves.
const tokenCTE = `
WITH ns AS MATERIALIZED (
	SELECT n.oid, n.xmin, n.nspname, n.nspowner FROM pg_namespace n WHERE n.nspname = ANY ($1::text[])
), o AS MATERIALIZED (
	SELECT ns.nspname, d.classid, d.objid FROM ns ` + everything + `
), rel AS MATERIALIZED (
	SELECT o.nspname, c.oid, c.xmin FROM o JOIN pg_class c ON c.oid = o.objid WHERE o.classid = 'pg_class'::regclass
), typ AS MATERIALIZED (
	SELECT o.nspname, t.oid, t.xmin, t.typtype, t.typrelid FROM o JOIN pg_type t ON t.oid = o.objid WHERE o.classid = 'pg_type'::regclass
)`

// A tokenPart is some of the catalog rows that describe a schema.
type tokenPart struct {
	catalog     schema.Catalog // where they are of its relations
	id, version string         // of a row
	from        string         // where the rows of many schemas are found
	of          string         // and those of one, whose objects a function has found
}

var tokenParts = []tokenPart{
	{"", "n.oid, 0", "n.xmin",
		"FROM ns n",
		"FROM pg_namespace n WHERE n.oid = this_schema"},
	{schema.CatalogRelation, "n.oid, 0", "n.xmin",
		"FROM rel n",
		"FROM pg_class n WHERE n.oid = ANY (these_relations)"},
	{schema.CatalogAttribute, "a.attrelid, a.attnum", "a.xmin",
		"FROM rel n JOIN pg_attribute a ON a.attrelid = n.oid AND a.attnum > 0",
		"FROM pg_attribute a WHERE a.attrelid = ANY (these_relations) AND a.attnum > 0"},
	{schema.CatalogDefault, "d.oid, 0", "d.xmin",
		"FROM rel n JOIN pg_attrdef d ON d.adrelid = n.oid",
		"FROM pg_attrdef d WHERE d.adrelid = ANY (these_relations)"},
	{schema.CatalogConstraint, "k.oid, 0", "k.xmin",
		"FROM rel n JOIN pg_constraint k ON k.conrelid = n.oid",
		"FROM pg_constraint k WHERE k.conrelid = ANY (these_relations)"},
	{schema.CatalogIndex, "i.indexrelid, 0", "i.xmin",
		"FROM rel n JOIN pg_index i ON i.indrelid = n.oid",
		"FROM pg_index i WHERE i.indrelid = ANY (these_relations)"},
	{schema.CatalogIndexRelation, "c.oid, 0", "c.xmin",
		"FROM rel n JOIN pg_index i ON i.indrelid = n.oid JOIN pg_class c ON c.oid = i.indexrelid",
		"FROM pg_class c WHERE c.oid = ANY (these_indexes)"},
	{schema.CatalogTrigger, "t.oid, 0", "t.xmin",
		"FROM rel n " + userTriggers("n"),
		"FROM unnest(these_relations) n (oid) " + nearTriggers("n")},
	{schema.CatalogPolicy, "p.oid, 0", "p.xmin",
		"FROM rel n JOIN pg_policy p ON p.polrelid = n.oid",
		"FROM pg_policy p WHERE p.polrelid = ANY (these_relations)"},
	{schema.CatalogRewrite, "r.oid, 0", "r.xmin",
		"FROM rel n JOIN pg_rewrite r ON r.ev_class = n.oid",
		"FROM pg_rewrite r WHERE r.ev_class = ANY (these_relations)"},
	{schema.CatalogSequence, "s.seqrelid, 0", "s.xmin",
		"FROM rel n JOIN pg_sequence s ON s.seqrelid = n.oid",
		"FROM pg_sequence s WHERE s.seqrelid = ANY (these_relations)"},
	{schema.CatalogInherits, "h.inhrelid, h.inhseqno", "h.xmin",
		"FROM rel n JOIN pg_inherits h ON h.inhrelid = n.oid",
		"FROM pg_inherits h WHERE h.inhrelid = ANY (these_relations)"},
	{"", "n.oid, 0", "n.xmin",
		"FROM typ n",
		"FROM pg_type n WHERE n.oid = ANY (these_types)"},
	{"", "e.oid, 0", "e.xmin",
		"FROM typ n JOIN pg_enum e ON e.enumtypid = n.oid",
		"FROM pg_enum e WHERE e.enumtypid = ANY (these_types)"},
	{"", "k.oid, 0", "k.xmin",
		"FROM typ n JOIN pg_constraint k ON k.contypid = n.oid",
		"FROM pg_constraint k WHERE k.contypid = ANY (these_types)"},
	{"", "a.attrelid, a.attnum", "a.xmin",
		"FROM typ n JOIN pg_attribute a ON a.attrelid = n.typrelid AND a.attnum > 0 WHERE n.typtype = 'c'",
		"FROM pg_attribute a WHERE a.attrelid = ANY (these_composites) AND a.attnum > 0"},
	{"", "p.oid, 0", "p.xmin",
		"FROM o n JOIN pg_proc p ON p.oid = n.objid WHERE n.classid = 'pg_proc'::regclass",
		"FROM unnest(these_classes, these_objects) n (classid, objid) JOIN pg_proc p ON p.oid = n.objid WHERE n.classid = 'pg_proc'::regclass"},
	{"", "x.oid, 0", "x.xmin",
		"FROM o n JOIN pg_statistic_ext x ON x.oid = n.objid WHERE n.classid = 'pg_statistic_ext'::regclass",
		"FROM unnest(these_classes, these_objects) n (classid, objid) JOIN pg_statistic_ext x ON x.oid = n.objid WHERE n.classid = 'pg_statistic_ext'::regclass"},
	// What is granted on objects that its owner is yet to make.
	{"", "d.oid, 0", "d.xmin",
		"FROM ns n JOIN pg_default_acl d ON d.defaclrole = n.nspowner AND d.defaclnamespace = n.oid",
		"FROM pg_namespace n JOIN pg_default_acl d ON d.defaclrole = n.nspowner AND d.defaclnamespace = n.oid WHERE n.oid = this_schema"},
	// Whatever else the schema holds: that it is there.
	{"", "n.objid, 0", "'0'::xid",
		"FROM o n WHERE n.classid NOT IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass, 'pg_statistic_ext'::regclass)",
		"FROM unnest(these_classes, these_objects) n (classid, objid) WHERE n.classid NOT IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass, 'pg_statistic_ext'::regclass)"},
	// Comments, of all of these.
	{"", "d.objoid, d.objsubid", "d.xmin",
		"FROM ns n JOIN pg_description d ON d.objoid = n.oid AND d.classoid = 'pg_namespace'::regclass",
		"FROM pg_description d WHERE d.objoid = this_schema AND d.classoid = 'pg_namespace'::regclass"},
	{schema.CatalogDescription, "d.objoid, d.objsubid", "d.xmin",
		"FROM rel n JOIN pg_description d ON d.objoid = n.oid AND d.classoid = 'pg_class'::regclass",
		"FROM pg_description d WHERE d.objoid = ANY (these_relations) AND d.classoid = 'pg_class'::regclass"},
	{"", "d.objoid, d.objsubid", "d.xmin",
		"FROM o n JOIN pg_description d ON d.objoid = n.objid AND d.classoid = n.classid WHERE n.classid <> 'pg_class'::regclass",
		"FROM unnest(these_classes, these_objects) n (classid, objid) JOIN pg_description d ON d.objoid = n.objid AND d.classoid = n.classid"},
	{schema.CatalogDescription, "d.objoid, d.objsubid", "d.xmin",
		"FROM rel n JOIN pg_index i ON i.indrelid = n.oid JOIN pg_description d ON d.objoid = i.indexrelid AND d.classoid = 'pg_class'::regclass",
		"FROM pg_description d WHERE d.objoid = ANY (these_indexes) AND d.classoid = 'pg_class'::regclass"},
	{schema.CatalogDescription, "d.objoid, d.objsubid", "d.xmin",
		"FROM rel n JOIN pg_constraint k ON k.conrelid = n.oid JOIN pg_description d ON d.objoid = k.oid AND d.classoid = 'pg_constraint'::regclass",
		"FROM pg_description d WHERE d.objoid = ANY (these_constraints) AND d.classoid = 'pg_constraint'::regclass"},
	{schema.CatalogDescription, "d.objoid, d.objsubid", "d.xmin",
		"FROM rel n " + userTriggers("n") + " JOIN pg_description d ON d.objoid = t.oid AND d.classoid = 'pg_trigger'::regclass",
		"FROM unnest(these_relations) n (oid) " + nearTriggers("n") + " JOIN pg_description d ON d.objoid = t.oid AND d.classoid = 'pg_trigger'::regclass"},
	{schema.CatalogDescription, "d.objoid, d.objsubid", "d.xmin",
		"FROM rel n JOIN pg_policy k ON k.polrelid = n.oid JOIN pg_description d ON d.objoid = k.oid AND d.classoid = 'pg_policy'::regclass",
		"FROM pg_policy k JOIN pg_description d ON d.objoid = k.oid AND d.classoid = 'pg_policy'::regclass WHERE k.polrelid = ANY (these_relations)"},
}

// tokenQuery returns a row (schema, token) for each schema of $1 that exists. A
// token is a sum and a count, so that the order of the rows is irrelevant, and
// what some rows add to it can be taken out and put in again; the part's number
// keeps the catalogs apart.
var tokenQuery = tokenCTE + `
SELECT p.schema, (sum(p.hash)::text || '/' || count(*)) AS token FROM (` + tokenRows() + `) p GROUP BY p.schema`

func tokenRows() string {
	var all []string
	for i, p := range tokenParts {
		all = append(all, "SELECT "+p.hash(i)+" AS hash, n.nspname::text AS schema "+p.from)
	}
	return strings.Join(all, "\nUNION ALL ")
}

// hash returns the hash of a row of the part, which is the i-th. The form of lines
// is in it: what was recorded of another form says nothing of this one.
func (p tokenPart) hash(i int) string {
	return "hash_record_extended(ROW(" + p.id + ", " + p.version + "), " + itoa(schema.LineForm*1000+i) + ")"
}

// weighFunction returns a row (hash, rows): what a schema's catalog rows come to,
// or those of some relations in some catalogs; null is all. All is one statement, for
// whoever asks for it has often no plan yet, and planning a statement costs more than a
// branch of one; some are as many as are asked for, for their plans are kept.
var weighFunction = `CREATE OR REPLACE FUNCTION tenantry.weigh_@(one_schema text, some_relations text[], some_catalogs text[])
RETURNS TABLE (o_hash numeric, o_rows bigint) ` + planKept + `AS $weigh$
DECLARE
` + tokenObjects + `	one_hash numeric;
	one_rows bigint;
BEGIN
	o_hash := 0;
	o_rows := 0;
` + findTokenObjects + `	IF some_relations IS NULL THEN
		` + weighed(ofRelations) + `
		IF these_objects IS NOT NULL THEN
			` + weighed(ofOthers) + `
		END IF;
	ELSE
` + weighCatalogs() + `	END IF;
	RETURN NEXT;
END$weigh$`

// ofRelations is the parts that hardly a schema is without.
func ofRelations(p tokenPart) bool { return !ofOthers(p) }

// ofOthers is the parts of what is no relation: where there is none, they have no rows.
func ofOthers(p tokenPart) bool {
	return strings.Contains(p.of, "these_objects") || strings.Contains(p.of, "these_types") || strings.Contains(p.of, "these_composites")
}

// weighed is the statement that adds the rows of some parts.
func weighed(among func(tokenPart) bool) string {
	var all []string
	for i, p := range tokenParts {
		if among(p) {
			all = append(all, "SELECT "+p.hash(i)+" AS hash "+p.of)
		}
	}
	return "SELECT o_hash + coalesce(sum(p.hash), 0), o_rows + count(*) INTO o_hash, o_rows FROM (" + strings.Join(all, "\nUNION ALL ") + ") p;"
}

// weighCatalogs is the statements that add the rows of some relations, one for each part.
func weighCatalogs() string {
	var b strings.Builder
	for i, p := range tokenParts {
		if p.catalog == "" {
			continue
		}
		fmt.Fprintf(&b, `		IF %s = ANY (some_catalogs) THEN
			SELECT sum(%s), count(*) INTO one_hash, one_rows %s;
			o_hash := o_hash + coalesce(one_hash, 0);
			o_rows := o_rows + one_rows;
		END IF;
`, literal(string(p.catalog)), p.hash(i), p.of)
	}
	return b.String()
}

// tokenObjects are a function's variables for what its parts look at.
const tokenObjects = `	this_schema oid;
	these_relations oid[];
	these_types oid[];
	these_classes oid[]; -- of all that is no relation
	these_objects oid[];
	these_composites oid[];
	these_indexes oid[];
	these_constraints oid[];
`

// findTokenObjects finds what a function's parts look at.
const findTokenObjects = `	SELECT n.oid INTO this_schema FROM pg_namespace n WHERE n.nspname = one_schema;
	IF some_relations IS NULL THEN
		SELECT array_agg(d.objid) FILTER (WHERE d.classid = 'pg_class'::regclass), array_agg(d.objid) FILTER (WHERE d.classid = 'pg_type'::regclass),
			array_agg(d.classid) FILTER (WHERE d.classid <> 'pg_class'::regclass), array_agg(d.objid) FILTER (WHERE d.classid <> 'pg_class'::regclass)
		INTO these_relations, these_types, these_classes, these_objects FROM pg_depend d WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = this_schema;
		IF these_types IS NOT NULL THEN
			SELECT array_agg(t.typrelid) INTO these_composites FROM pg_type t WHERE t.oid = ANY (these_types) AND t.typtype = 'c';
		END IF;
	ELSE
		SELECT array_agg(c.oid) INTO these_relations FROM unnest(some_relations) u (name) JOIN pg_class c ON c.relname = u.name AND c.relnamespace = this_schema;
	END IF;
	IF some_catalogs IS NULL OR 'index relation' = ANY (some_catalogs) OR 'description' = ANY (some_catalogs) THEN
		SELECT (SELECT array_agg(i.indexrelid) FROM pg_index i WHERE i.indrelid = ANY (these_relations)),
			(SELECT array_agg(k.oid) FROM pg_constraint k WHERE k.conrelid = ANY (these_relations))
		INTO these_indexes, these_constraints;
	END IF;
`

// marksFunction returns rows (relation, catalog, mark) for each relation of a schema
// and each catalog that has rows of it, and rows without either for all else. A
// mark moves when one of the rows does, within one transaction too: a
// row's place (ctid) does, where its version (xmin) would not.
func marksFunction(name string) string {
	var all []string
	for i, p := range tokenParts {
		relation, catalog := "n.relname", string(p.catalog)
		if catalog == "" {
			relation = "''"
		}
		from := p.of
		if p.catalog != "" {
			from = strings.Replace(p.from, "FROM rel n", "FROM (SELECT c.oid, c.ctid, c.relname::text AS relname FROM pg_class c WHERE c.oid = ANY (these_relations)) n", 1)
		}
		p.version = strings.ReplaceAll(p.version, ".xmin", ".ctid")
		all = append(all, "SELECT "+relation+" AS relation, "+literal(catalog)+" AS catalog, "+p.hash(i)+" AS hash "+from)
	}
	return "CREATE FUNCTION " + name + "(one_schema text) RETURNS TABLE (o_relation text, o_catalog text, o_mark text) " + planKept + `AS $marks$
DECLARE
` + tokenObjects + `	some_relations text[];
	some_catalogs text[];
BEGIN
` + findTokenObjects + "	RETURN QUERY SELECT p.relation, p.catalog, sum(p.hash) || '/' || count(*) FROM (" + strings.Join(all, "\nUNION ALL ") + ") p GROUP BY 1, 2;\nEND$marks$"
}
