package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// What an apply asks of the server for each target is in functions of the
// control schema. Planning a catalog query costs more than running it, and the
// server keeps the plans of a function for as long as a connection lives, which
// those of a prepared statement would not be through a pooler. And a function can
// refuse: so begin, check, statements, check, record and commit are sent
// together, in one round trip, and where one refuses, what follows does not run.
//
//	lines_…  the lines of a schema, or of some relations
//	weigh_…  what its catalog rows, or those of some relations, add to its token
//	look_…   what one schema is now: fingerprint and token
//	hash_…   the hash of some relations' lines
//	enter_…  takes the target's lock and makes sure that it is what the step starts from
//	follow_… takes the lock again, and makes sure that nobody else was there meanwhile
//	file_…   does so and records a file of a versioned directory
//	refuse_… refuses where what a statement would destroy holds data
//	ahead_…  makes sure of all but what the statements that follow add to some relations
//	leave_…  makes sure that it is what was proven, and records it

// A refusal is the SQLSTATE that a function refuses with.
const (
	refusedBusy         = "TN001" // another run holds the target's lock
	refusedAlready      = "TN002" // the target is what the step leads to
	refusedStale        = "TN003" // the target is not what the step starts from
	refusedNotConverged = "TN004" // what came out is not what was proven
	refusedNotEmpty     = "TN005" // what would be destroyed holds data
)

// functions are the server's functions for one server version.
type functions struct {
	suffix string // says which texts they are made from, so that two versions of reconcile do not use each other's
	text   string // the statements that make them, with @ for the suffix
}

func functionsFor(version int) functions {
	text := strings.Join([]string{linesFunction("tenantry.lines_@", version), weighFunction, lookFunction, hashFunction, enterFunction, refuseFunction, aheadFunction, leaveFunction, followFunction, fileFunction, unmovedFunction}, ";\n")
	sum := sha256.Sum256([]byte(text))
	return functions{suffix: hex.EncodeToString(sum[:4]), text: text}
}

// name returns a function's full name.
func (f functions) name(function string) string { return "tenantry." + function + "_" + f.suffix }

// create returns the statements that make the functions.
func (f functions) create() string { return strings.ReplaceAll(f.text, "@", f.suffix) }

// planKept makes a function keep the plan that suits one schema; see steer.
const planKept = "LANGUAGE plpgsql SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan SET jit = off SET join_collapse_limit = 1\n" +
	"SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off\n"

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
	IF NOT has_special_tables AND (some_kinds IS NULL OR some_kinds && '{table}') THEN
		SELECT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = ANY (these_relations)) OR EXISTS (SELECT FROM pg_class t WHERE t.oid = ANY (these_toasts) AND t.reloptions IS NOT NULL) INTO has_special_tables;
	END IF;
	IF some_kinds IS NULL OR some_kinds && '{column,not null,identity,default,column options}' THEN
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

// lookFunction returns a row (structure, objects, token) for a schema that
// exists, and none for one that does not. While the token is the one that is
// known already, the hashes are not computed, and null.
var lookFunction = `CREATE OR REPLACE FUNCTION tenantry.look_@(one_schema text, kinds text[], known_token text)
RETURNS TABLE (o_structure text, o_objects text, o_token text) LANGUAGE plpgsql SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan AS $look$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = one_schema) THEN
		RETURN;
	END IF;
	SELECT w.o_hash || '/' || w.o_rows INTO o_token FROM tenantry.weigh_@(one_schema, NULL, NULL) w;
	IF o_token IS DISTINCT FROM known_token THEN
		SELECT coalesce(` + hashed("e.structure") + `, ''), coalesce(` + hashed("NOT e.structure") + `, '') INTO o_structure, o_objects
		FROM (SELECT l.kind = ANY (kinds) AS structure, ` + lineText + ` AS line FROM tenantry.lines_@(one_schema, NULL, NULL) l (kind, tbl, name, def)) e;
	END IF;
	RETURN NEXT;
END$look$`

var hashFunction = `CREATE OR REPLACE FUNCTION tenantry.hash_@(one_schema text, some_relations text[], some_kinds text[]) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan AS $hash$
BEGIN
	RETURN (SELECT ` + sha256Of(`string_agg(e.line, E'\n' ORDER BY e.line COLLATE "C")`) + `
		FROM (SELECT ` + lineText + ` AS line FROM tenantry.lines_@(one_schema, some_relations, some_kinds) l (kind, tbl, name, def) WHERE l.kind = ANY (some_kinds)) e);
END$hash$`

// enterFunction takes the target's lock and makes sure that the target, which
// may be called something else than it will be, is the base; a base that is null
// is whatever it is.
//
// Where a step touches some relations only, that no other run has been at the
// target since it was observed is enough: its record would have another token.
// What somebody else did to what the step touches shows when the lines are compared
// with what was proven; what they did elsewhere comes to the same as if it were
// done afterwards, and shows in the token, which then is not the one recorded.
var enterFunction = `CREATE OR REPLACE FUNCTION tenantry.enter_@(lock_within text, now_called text, one_schema text, base text, goal text, known_token text,
	some_relations text[], some_catalogs text[], kinds text[])
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan AS $enter$
DECLARE
	seen record;
	fingerprint text;
	weight record;
BEGIN
` + takeLocks("now_called", "one_schema") + `	IF base IS NULL THEN
		RETURN;
	END IF;
	IF some_relations IS NULL OR NOT EXISTS (SELECT FROM tenantry.target t WHERE t.schema = one_schema AND t.token = known_token) THEN
		SELECT * INTO seen FROM tenantry.look_@(now_called, kinds, known_token);
		fingerprint := CASE WHEN seen.o_token = known_token THEN base ELSE ` + fingerprintText("seen.o_structure", "seen.o_objects") + ` END;
		IF fingerprint <> base THEN
			IF fingerprint = '' AND now_called <> one_schema THEN -- another run may have given it its new name already
				SELECT ` + fingerprintText("l.o_structure", "l.o_objects") + ` INTO fingerprint FROM tenantry.look_@(one_schema, kinds, '') l;
			END IF;
			RAISE EXCEPTION 'it is not what the step starts from' USING ERRCODE = CASE fingerprint WHEN goal THEN '` + refusedAlready + `' ELSE '` + refusedStale + `' END;
		END IF;
		known_token := seen.o_token;
	END IF;
	IF some_relations IS NOT NULL THEN
		` + keepRest("known_token", "one_schema") + `
	END IF;
END$enter$`

// keepRest keeps a schema's token without what the relations that are touched add to
// it, for leaveFunction.
func keepRest(token, name string) string {
	return `SELECT * INTO weight FROM tenantry.weigh_@(` + name + `, some_relations, some_catalogs);
		PERFORM set_config('tenantry.rest', (split_part(` + token + `, '/', 1)::numeric - weight.o_hash) || '/' || (split_part(` + token + `, '/', 2)::bigint - weight.o_rows), true);`
}

// takeLocks is how a function begins a target's transaction: with the locks of its
// schemas, which are arguments, and lock_within for all locks that are waited for.
// These never are: to wait for one deadlocks with CREATE INDEX CONCURRENTLY.
func takeLocks(schemas ...string) string {
	var all []string
	for _, s := range schemas {
		all = append(all, "pg_try_advisory_xact_lock(hashtextextended('tenantry target ' || "+s+", 0))")
	}
	return `	PERFORM set_config('lock_timeout', lock_within, true);
	IF NOT (` + strings.Join(all, " AND ") + `) THEN
		RAISE EXCEPTION 'another run is at work on it' USING ERRCODE = '` + refusedBusy + `';
	END IF;
`
}

const refuseFunction = `CREATE OR REPLACE FUNCTION tenantry.refuse_@(holds_data boolean) RETURNS void LANGUAGE plpgsql AS $refuse$
BEGIN
	IF holds_data THEN
		RAISE EXCEPTION 'it holds data' USING ERRCODE = '` + refusedNotEmpty + `';
	END IF;
END$refuse$`

// aheadFunction makes sure that a schema which the transaction has made is what was
// proven, before statements that only add something to some relations. Where event
// triggers are, nobody knows what those statements do: then it does nothing, and
// leaveFunction looks at everything.
var aheadFunction = `CREATE OR REPLACE FUNCTION tenantry.ahead_@(one_schema text, kinds text[], want text, some_relations text[], some_catalogs text[])
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan AS $ahead$
DECLARE
	seen record;
	weight record;
BEGIN
	IF EXISTS (SELECT FROM pg_event_trigger t WHERE t.evtenabled <> 'D') THEN
		RETURN;
	END IF;
	SELECT * INTO seen FROM tenantry.look_@(one_schema, kinds, '');
	IF (` + fingerprintText("seen.o_structure", "seen.o_objects") + `) <> want THEN
		RAISE EXCEPTION 'it is not what was proven' USING ERRCODE = '` + refusedNotConverged + `';
	END IF;
	` + keepRest("seen.o_token", "one_schema") + `
END$ahead$`

// leaveFunction makes sure that the target is what was proven, records it with
// what was done, and returns its fingerprint. The record is as upsertTarget has it;
// what comes out is filled in. want is the fingerprint that it must have; "" accepts
// whatever it is, as a place between the old and the new. Where only some relations
// were touched, want is the hash of their lines, and the fingerprint is then the
// record's, which is goal; but where nobody has kept the rest of the token, all is
// looked at.
var leaveFunction = `CREATE OR REPLACE FUNCTION tenantry.leave_@(` + recordTypes + `, ` + betweenTypes + `, some_relations text[], some_catalogs text[], some_kinds text[], kinds text[], want text, goal text,
	given_base text, given_statements text[], given_reverse text[])
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan AS $leave$
DECLARE
	weight record;
	fingerprint text;
	rest text := current_setting('tenantry.rest', true);
BEGIN
	IF some_relations IS NOT NULL AND coalesce(rest, '') = '' THEN
		some_relations := NULL;
		want := goal;
	END IF;
	IF some_relations IS NULL THEN
		SELECT o_structure, o_objects, o_token INTO r_structure, r_objects, r_token FROM tenantry.look_@(r_schema, kinds, '');
		fingerprint := ` + fingerprintText("r_structure", "r_objects") + `;
	ELSE
		fingerprint := tenantry.hash_@(r_schema, some_relations, some_kinds);
	END IF;
	IF want <> '' AND fingerprint IS DISTINCT FROM want THEN
		RAISE EXCEPTION 'it is not what was proven' USING ERRCODE = '` + refusedNotConverged + `', DETAIL = fingerprint;
	END IF;
	IF some_relations IS NOT NULL THEN
		SELECT * INTO weight FROM tenantry.weigh_@(r_schema, some_relations, some_catalogs);
		r_token := (split_part(rest, '/', 1)::numeric + weight.o_hash) || '/' || (split_part(rest, '/', 2)::bigint + weight.o_rows);
		fingerprint := ` + fingerprintText("r_structure", "r_objects") + `;
	END IF;
	r_structure := coalesce(r_structure, '');
	r_objects := coalesce(r_objects, '');
	r_token := coalesce(r_token, '');
	r_applied_at := clock_timestamp();
	IF want <> '' THEN
		` + upsertTarget + `;
	ELSE
		` + upsertBetween + `;
	END IF;
	INSERT INTO tenantry.change (run, schema, tenant, base, result, statements, reverse) VALUES (r_run, r_schema, r_tenant, given_base, fingerprint, given_statements, given_reverse);
	RETURN fingerprint;
END$leave$`

// fingerprintText is schema.Fingerprint.String of two parts, "" where there is
// no schema.
func fingerprintText(structure, objects string) string {
	return "CASE WHEN " + structure + " IS NULL THEN '' WHEN " + objects + " = '' AND " + structure + " <> '' THEN 'sha256:' || " + structure +
		" ELSE 'sha256:' || " + sha256Of(structure+` || E'\n' || `+objects) + " END"
}

// createLookers returns the statements that make two functions for one schema, in
// a schema of their own, for a workbench: its lines and its marks. All are gone
// with the workbench's transaction.
func createLookers(inSchema string, version int) string {
	return "CREATE SCHEMA " + inSchema + "; " + linesFunction(inSchema+".lines", version) + "; " + marksFunction(inSchema+".marks")
}
