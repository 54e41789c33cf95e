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
