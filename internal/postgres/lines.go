package postgres

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// The function that prints one schema, of the parts that the query for many is made
// of: see parts.

// linesFunction returns the lines of one schema, or those of some kinds, or of some
// relations. Each part is a statement of its own, planned when it is first needed:
// CREATE SCHEMA makes every connection forget the plans that it has kept, and
// planning all parts costs five times what most schemas need.
func linesFunction(name string, version int) string {
	return "CREATE OR REPLACE FUNCTION " + name + `(one_schema text, some_relations text[], some_kinds text[])
RETURNS TABLE (o_kind text, o_table text, o_name text, o_def text) ` + planKept + `AS $lines$
DECLARE
	this_schema oid;
	this_path text;
	these_classes oid[]; -- of all that the schema holds
	these_objects oid[];
	these_relations oid[];
	these_types oid[];
	these_toasts oid[];
	type_kinds text;
	has_tables boolean;
	has_special_tables boolean; -- which have more to them than a name
	has_special_columns boolean; -- and than a type
	has_sequences boolean;
	has_views boolean;
	has_indexes boolean;
	has_triggers boolean;
	has_rules boolean;
	has_security boolean;
	has_replica_identity boolean;
	has_histories boolean;
	has_not_null boolean;
	has_identity boolean;
	has_defaults boolean;
	has_options boolean;
	has_clustered boolean;
	has_policies boolean;
	has_comments boolean; -- and so on, on what is no part of a relation
	has_column_comments boolean;
	has_index_comments boolean;
	has_constraint_comments boolean;
	has_trigger_comments boolean;
	these_indexes oid[];
	these_constraints oid[];
	these_triggers oid[];
BEGIN
	SELECT n.oid, quote_ident(n.nspname) || ', pg_catalog' INTO this_schema, this_path FROM pg_namespace n WHERE n.nspname = one_schema;
	IF some_relations IS NULL THEN
		SELECT array_agg(d.classid), array_agg(d.objid), array_agg(d.objid) FILTER (WHERE d.classid = 'pg_type'::regclass) INTO these_classes, these_objects, these_types
		FROM pg_depend d WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = this_schema AND ` + ofItself + `;
		SELECT string_agg(DISTINCT t.typtype::text, '') INTO type_kinds FROM pg_type t WHERE t.oid = ANY (these_types);
	ELSE
		SELECT array_agg(d.classid), array_agg(d.objid) INTO these_classes, these_objects
		FROM (SELECT 'pg_class'::regclass AS classid, c.oid AS objid FROM unnest(some_relations) u (name) JOIN pg_class c ON c.relname = u.name AND c.relnamespace = this_schema) d WHERE ` + ofItself + `;
	END IF;
	SELECT array_agg(c.oid), bool_or(c.relkind IN ('r', 'p', 'f')), bool_or(c.relkind = 'S'), bool_or(c.relkind IN ('v', 'm')), bool_or(c.relhasindex), bool_or(c.relhastriggers),
		bool_or(c.relhasrules), bool_or(c.relrowsecurity OR c.relforcerowsecurity), bool_or(c.relreplident <> 'd'), bool_or(c.relname = ANY (` + toolNames + `)),
		bool_or(c.relkind IN ('p', 'f') OR c.relkind = 'r' AND (c.relpersistence <> 'p' OR c.relispartition OR c.reloptions IS NOT NULL OR c.reltablespace <> 0 OR c.relam <> ` + heap + `)),
		array_agg(c.reltoastrelid) FILTER (WHERE c.relkind = 'r' AND c.reltoastrelid <> 0)
	INTO these_relations, has_tables, has_sequences, has_views, has_indexes, has_triggers, has_rules, has_security, has_replica_identity, has_histories, has_special_tables, these_toasts
	FROM unnest(these_classes, these_objects) d (classid, objid) JOIN pg_class c ON c.oid = d.objid WHERE d.classid = 'pg_class'::regclass;
	IF has_histories THEN
		SELECT array_agg(c.oid) INTO these_relations FROM pg_class c WHERE c.oid = ANY (these_relations) AND NOT ` + isHistory + `;
	END IF;
	IF some_kinds IS NULL AND NOT has_special_tables THEN
		SELECT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = ANY (these_relations)) OR EXISTS (SELECT FROM pg_class t WHERE t.oid = ANY (these_toasts) AND t.reloptions IS NOT NULL) INTO has_special_tables;
	END IF;
	IF some_kinds IS NULL OR some_kinds && '{not null,identity,default,column options}' THEN
		SELECT bool_or(a.attnotnull), bool_or(a.attidentity <> ''), bool_or(a.atthasdef), bool_or(a.attcompression <> '' OR a.attoptions IS NOT NULL OR a.attstorage <> b.typstorage OR coalesce(a.attstattarget, -1) >= 0), coalesce(bool_or(a.attgenerated <> '' OR a.attcollation <> b.typcollation), false)
		INTO has_not_null, has_identity, has_defaults, has_options, has_special_columns
		FROM pg_attribute a JOIN pg_type b ON b.oid = a.atttypid WHERE a.attrelid = ANY (these_relations) AND a.attnum > 0 AND NOT a.attisdropped;
	END IF;
	IF has_triggers AND (some_kinds IS NULL OR some_kinds && '{trigger,object comment}') THEN -- PostgreSQL's own, of foreign keys, are not meant
		SELECT array_agg(t.oid) INTO these_triggers FROM unnest(these_relations) o (oid) ` + nearTriggers("o") + `;
	END IF;
	IF some_kinds IS NULL OR some_kinds && '{cluster,policy,comment,object comment}' THEN
		SELECT array_agg(i.indexrelid), coalesce(bool_or(i.indisclustered), false), (SELECT array_agg(k.oid) FROM pg_constraint k WHERE k.conrelid = ANY (these_relations)),
			EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = ANY (these_relations))
		INTO these_indexes, has_clustered, these_constraints, has_policies FROM pg_index i WHERE i.indrelid = ANY (these_relations);
		SELECT bool_or(d.objsubid = 0), bool_or(d.objsubid > 0), bool_or(d.objoid = ANY (these_indexes)), bool_or(d.objoid = ANY (these_constraints)), bool_or(d.objoid = ANY (these_triggers))
		INTO has_comments, has_column_comments, has_index_comments, has_constraint_comments, has_trigger_comments
		FROM pg_description d WHERE d.objoid = ANY (this_schema || these_objects || these_indexes || these_constraints || these_triggers);
	END IF;
` + linesParts(version) + `END$lines$`
}

// linesParts is the parts of linesFunction: of a whole schema what hardly one is
// without in one statement, and the others where there are such; of some kinds each in a
// statement of its own. A condition is one more thing that the server plans and keeps,
// and each that it keeps is looked at whenever anybody changes a table: so those of parts
// that few schemas have are behind one that most do not get past. The text is put
// together once: every workbench needs it.
func linesParts(version int) string {
	if text, ok := partsText.Load(version); ok {
		return text.(string)
	}
	all := parts(version)
	var b strings.Builder
	b.WriteString("	IF some_kinds IS NULL THEN\n		IF has_special_tables OR has_special_columns THEN\n" + usual(all, false) + "		ELSE\n" + usual(all, true) + "		END IF;\n	END IF;\n")
	for _, group := range []struct{ what, when string }{
		{usually, "some_kinds IS NOT NULL"},
		{ofTypes, "some_kinds IS NOT NULL OR these_types IS NOT NULL"},
		{asComments, "some_kinds IS NOT NULL OR has_comments OR has_column_comments OR has_policies"},
		{seldom, "some_kinds IS NOT NULL OR has_sequences OR has_views OR these_triggers IS NOT NULL OR has_rules OR has_security OR has_replica_identity OR has_histories OR has_options OR has_clustered OR has_policies" +
			" OR EXISTS (SELECT FROM unnest(these_classes) c WHERE c NOT IN ('pg_class'::regclass, 'pg_type'::regclass))"},
	} {
		b.WriteString("	IF " + group.when + " THEN\n")
		for _, p := range all {
			if p.group == group.what {
				fmt.Fprintf(&b, "		IF (some_kinds IS NULL OR some_kinds && %s) AND %s THEN\n%s		END IF;\n", literals(p.canBe()), p.when, returned(p))
			}
		}
		b.WriteString("	END IF;\n")
	}
	partsText.Store(version, b.String())
	return b.String()
}

// usual is the statement that prints what hardly a schema is without.
func usual(all []part, plain bool) string {
	var some []part
	for _, p := range all {
		if p.group != usually {
			continue
		}
		if plain && p.plain != "" {
			p.def = p.plain
		}
		some = append(some, p)
	}
	return returned(some...)
}

// returned is the statement that prints parts. The last that it does is to leave
// search_path as it has found it.
func returned(parts ...part) string {
	var all []string
	printed := false
	for _, p := range parts {
		printed = printed || strings.Contains(p.columns()+p.from, printing)
		all = append(all, "SELECT "+p.columns()+"\n"+p.inFunction())
	}
	if printed {
		all = append(all, "SELECT NULL, NULL, NULL, NULL WHERE set_config('search_path', 'pg_catalog', true) IS NULL")
	}
	return "			RETURN QUERY " + strings.Join(all, "\n			UNION ALL ") + ";\n"
}

// heap is the number of the access method that tables have by default; see
// pg_am.dat of PostgreSQL.
const heap = "2"

var partsText sync.Map // string by server version

// inFunction is where the part's rows are in a function that has found its objects.
func (p part) inFunction() string {
	const own = "FROM (SELECT one_schema AS nspname, this_path AS path, "
	text := p.columns() + p.from
	return strings.NewReplacer(
		"FROM ns o", own+"this_schema AS oid) o",
		"FROM rel o", own+"c.oid, "+named(text, "c", relationColumn)+" FROM pg_class c WHERE c.oid = ANY (these_relations)) o",
		"FROM typ o", own+"t.oid, "+named(text, "t", typeColumn)+" FROM pg_type t WHERE t.oid = ANY (these_types)) o",
		"FROM o JOIN", own+"d.classid, d.objid FROM unnest(these_classes, these_objects) d (classid, objid)) o JOIN",
		userTriggers("o"), nearTriggers("o")).Replace(p.from)
}

var (
	relationColumn = regexp.MustCompile(`\bo\.(rel\w+)`)
	typeColumn     = regexp.MustCompile(`\bo\.(typ\w+)`)
)

// named lists the columns of a catalog that a part names: to go through all of them
// takes longer than planning the rest.
func named(text, alias string, column *regexp.Regexp) string {
	var all []string
	for _, m := range column.FindAllStringSubmatch(text, -1) {
		if c := alias + "." + m[1]; !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return strings.Join(all, ", ")
}

// literals writes texts as an SQL array.
func literals(texts []string) string {
	var all []string
	for _, t := range texts {
		all = append(all, literal(t))
	}
	return "ARRAY[" + strings.Join(all, ", ") + "]"
}
