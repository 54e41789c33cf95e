package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// What an apply asks of the server for each target is in functions of the
// control schema. Planning a catalog query costs more than running it, and the
// server keeps the plans of a function for as long as a connection lives, which
// those of a prepared statement would not be through a pooler. And a function can
// refuse: so begin, check, statements, check, record and commit are sent
// together, in one round trip, and where one refuses, what follows does not run.
//
//	look_…   what one schema is now: fingerprint and token
//	weigh_…  what some relations add to their schema's token
//	hash_…   the hash of some relations' lines
//	enter_…  takes the target's lock and makes sure that it is what the step starts from
//	follow_… takes the lock again, and makes sure that nobody else was there meanwhile
//	refuse_… refuses where what a statement would destroy holds data
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
	text := strings.Join([]string{lookFunction(version), weighFunction, hashFunction(version), enterFunction, refuseFunction, leaveFunction, followFunction}, ";\n")
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

// lookFunction returns a row (structure, objects, token) for a schema that
// exists, and none for one that does not. While the token is the one that is
// known already, the hashes are not computed, and null.
func lookFunction(version int) string {
	return `CREATE OR REPLACE FUNCTION tenantry.look_@(one_schema text, kinds text[], known_token text)
RETURNS TABLE (o_structure text, o_objects text, o_token text) ` + planKept + `AS $look$
DECLARE
	now_token text;
BEGIN
	IF NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = one_schema) THEN
		RETURN; -- before the queries below are planned: a new tenant need not wait for that
	END IF;
	SELECT t.token INTO now_token FROM (` + inFunction(tokenQuery) + `) t;
	IF now_token = known_token THEN
		RETURN QUERY SELECT NULL::text, NULL::text, now_token;
	ELSE
		RETURN QUERY SELECT f.structure, f.objects, now_token FROM (` + inFunction(fingerprintQuery(version)) + `) f;
	END IF;
END$look$`
}

var weighFunction = `CREATE OR REPLACE FUNCTION tenantry.weigh_@(one_schema text, some_relations text[])
RETURNS TABLE (o_hash numeric, o_rows bigint) ` + planKept + `AS $weigh$
BEGIN
	RETURN QUERY ` + inFunction(weightQuery) + `;
END$weigh$`

func hashFunction(version int) string {
	return `CREATE OR REPLACE FUNCTION tenantry.hash_@(one_schema text, some_relations text[]) RETURNS text ` + planKept + `AS $hash$
BEGIN
	RETURN (SELECT ` + sha256Of(`string_agg(e.line, E'\n' ORDER BY e.line COLLATE "C")`) + `
		FROM (SELECT ` + lineText + ` AS line FROM (` + inFunction(relationLinesQuery(version)) + `) l) e);
END$hash$`
}

// enterFunction takes the target's lock and makes sure that the target, which
// may be called something else than it will be, is the base; a base that is null
// is whatever it is.
//
// Where a step touches some relations only, that no other run has been at the
// target since it was observed is enough: its record would have another token.
// What somebody else did to those relations shows when their lines are compared
// with what was proven; what they did to others comes to the same as if it were
// done afterwards, and shows in the token, which then is not the one recorded.
var enterFunction = `CREATE OR REPLACE FUNCTION tenantry.enter_@(now_called text, one_schema text, base text, goal text, known_token text, some_relations text[], kinds text[])
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $enter$
DECLARE
	seen record;
	fingerprint text;
	weight record;
BEGIN
	-- Never a blocking wait: one deadlocks with CREATE INDEX CONCURRENTLY.
	IF NOT pg_try_advisory_xact_lock(hashtextextended('tenantry target ' || now_called, 0)) OR NOT pg_try_advisory_xact_lock(hashtextextended('tenantry target ' || one_schema, 0)) THEN
		RAISE EXCEPTION 'another run is at work on it' USING ERRCODE = '` + refusedBusy + `';
	END IF;
	IF base IS NULL THEN
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
		SELECT * INTO weight FROM tenantry.weigh_@(one_schema, some_relations);
		PERFORM set_config('tenantry.rest', (split_part(known_token, '/', 1)::numeric - weight.o_hash) || '/' || (split_part(known_token, '/', 2)::bigint - weight.o_rows), true);
	END IF;
END$enter$`

const refuseFunction = `CREATE OR REPLACE FUNCTION tenantry.refuse_@(holds_data boolean) RETURNS void LANGUAGE plpgsql AS $refuse$
BEGIN
	IF holds_data THEN
		RAISE EXCEPTION 'it holds data' USING ERRCODE = '` + refusedNotEmpty + `';
	END IF;
END$refuse$`

// leaveFunction makes sure that the target is what was proven, completes its
// record with that, records what was done, and returns its fingerprint. want is
// the fingerprint that it must have; "" accepts whatever it is, as a place between
// the old and the new. Where only some relations were touched, want is the hash of
// their lines, and the fingerprint is then the one given.
var leaveFunction = `CREATE OR REPLACE FUNCTION tenantry.leave_@(one_schema text, some_relations text[], kinds text[], want text, given_structure text, given_objects text,
	given_run text, given_tenant text, given_base text, given_statements text[], given_reverse text[])
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog AS $leave$
DECLARE
	seen record;
	weight record;
	fingerprint text;
	rest text := current_setting('tenantry.rest', true);
BEGIN
	IF some_relations IS NULL THEN
		SELECT * INTO seen FROM tenantry.look_@(one_schema, kinds, '');
		fingerprint := ` + fingerprintText("seen.o_structure", "seen.o_objects") + `;
	ELSE
		fingerprint := tenantry.hash_@(one_schema, some_relations);
	END IF;
	IF want <> '' AND fingerprint IS DISTINCT FROM want THEN
		RAISE EXCEPTION 'it is not what was proven' USING ERRCODE = '` + refusedNotConverged + `', DETAIL = fingerprint;
	END IF;
	IF some_relations IS NOT NULL THEN
		SELECT * INTO weight FROM tenantry.weigh_@(one_schema, some_relations);
		SELECT given_structure AS o_structure, given_objects AS o_objects,
			(split_part(rest, '/', 1)::numeric + weight.o_hash) || '/' || (split_part(rest, '/', 2)::bigint + weight.o_rows) AS o_token INTO seen;
		fingerprint := ` + fingerprintText("seen.o_structure", "seen.o_objects") + `;
	END IF;
	UPDATE tenantry.target t SET structure = coalesce(seen.o_structure, ''), objects = coalesce(seen.o_objects, ''), token = coalesce(seen.o_token, ''),
		applied_at = clock_timestamp() WHERE t.schema = one_schema;
	INSERT INTO tenantry.change (run, schema, tenant, base, result, statements, reverse) VALUES (given_run, one_schema, given_tenant, given_base, fingerprint, given_statements, given_reverse);
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
	return "CREATE SCHEMA " + inSchema + "; CREATE FUNCTION " + inSchema + ".lines(one_schema text) RETURNS TABLE (o_kind text, o_table text, o_name text, o_def text)\n" + planKept +
		"AS $lines$\nBEGIN\nRETURN QUERY SELECT l.kind, l.tbl, l.name, l.def FROM (" + inFunction(linesQuery(version)) + ") l;\nEND$lines$;\n" +
		"CREATE FUNCTION " + inSchema + ".marks(one_schema text) RETURNS TABLE (o_relation text, o_mark text)\n" + planKept +
		"AS $marks$\nBEGIN\nRETURN QUERY " + inFunction(marksQuery) + ";\nEND$marks$"
}

// inFunction rewrites a query over $1, a list of schemas, and $2, the kinds of
// structure, for a function whose first two arguments are one schema and the
// kinds.
func inFunction(query string) string {
	return strings.NewReplacer("$1::text[]", "ARRAY[$1]", "$2::text[]", "$2", userTriggers("o"), nearTriggers("o"), userTriggers("n"), nearTriggers("n")).Replace(query)
}
