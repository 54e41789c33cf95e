package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Looking at one schema is what an apply does twice for each target, and
// planning the catalog query costs more than running it. So an apply looks
// through a function in the control schema: its plan is kept by the server for
// as long as a connection lives, which a prepared statement's would not be
// through a pooler.

// lookFunction is the function's name for a server version. It says which text
// it was made from, so that two versions of reconcile do not use each other's.
func lookFunction(version int) string {
	sum := sha256.Sum256([]byte(lookText(version)))
	return "tenantry.look_" + hex.EncodeToString(sum[:4])
}

// createLook returns the statement that makes the function.
func createLook(version int) string {
	return "CREATE OR REPLACE FUNCTION " + lookFunction(version) + lookText(version)
}

// lookText is what follows the function's name. The function returns a row (structure, objects, token) for a schema that exists, and
// none for one that does not. While the token is the one that is known already,
// the hashes are not computed, and null.
func lookText(version int) string {
	body := `
DECLARE
	now_token text;
BEGIN
	SELECT t.token INTO now_token FROM (` + onlyArgument(tokenQuery) + `) t;
	IF now_token IS NULL THEN
		RETURN;
	ELSIF now_token = known_token THEN
		RETURN QUERY SELECT NULL::text, NULL::text, now_token;
	ELSE
		RETURN QUERY SELECT f.structure, f.objects, now_token FROM (` + onlyArgument(fingerprintQuery(version)) + `) f;
	END IF;
END`
	return "(one_schema text, kinds text[], known_token text) RETURNS TABLE (o_structure text, o_objects text, o_token text)\n" +
		planKept + "AS $look$" + body + "$look$"
}

// planKept makes a function keep the plan that suits one schema; see steer.
const planKept = "LANGUAGE plpgsql SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan SET jit = off SET join_collapse_limit = 1\n" +
	"SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off\n"

// createLines returns the statements that make a function for the lines of one
// schema, in a schema of its own, for a workbench: both are gone with the
// workbench's transaction.
func createLines(name string, version int) string {
	inSchema, _, _ := strings.Cut(name, ".")
	return "CREATE SCHEMA " + inSchema + "; CREATE FUNCTION " + name + "(one_schema text) RETURNS TABLE (o_kind text, o_table text, o_name text, o_def text)\n" + planKept +
		"AS $lines$\nBEGIN\nRETURN QUERY SELECT l.kind, l.tbl, l.name, l.def FROM (" + onlyArgument(linesQuery(version)) + ") l;\nEND$lines$"
}

// onlyArgument rewrites a query over $1, a list of schemas, and $2, the kinds of
// structure, to the function's arguments.
func onlyArgument(query string) string {
	return strings.NewReplacer("$1::text[]", "ARRAY[$1]", "$2::text[]", "$2").Replace(query)
}
