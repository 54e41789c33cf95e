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
	sum := sha256.Sum256([]byte(fingerprintQuery(version) + tokenQuery))
	return "tenantry.look_" + hex.EncodeToString(sum[:4])
}

// createLook returns the statement that makes the function, if it is not there.
// It returns a row (structure, objects, token) for a schema that exists, and
// none for one that does not.
func createLook(version int) string {
	body := "BEGIN\nRETURN QUERY WITH f AS MATERIALIZED (" + onlyArgument(fingerprintQuery(version)) + "), t AS MATERIALIZED (" + onlyArgument(tokenQuery) +
		") SELECT f.structure, f.objects, t.token FROM f JOIN t USING (schema);\nEND"
	return "CREATE OR REPLACE FUNCTION " + lookFunction(version) + "(one_schema text, kinds text[]) RETURNS TABLE (o_structure text, o_objects text, o_token text)\n" +
		"LANGUAGE plpgsql SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan SET jit = off SET join_collapse_limit = 1\n" +
		"SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $look$" + body + "$look$"
}

// onlyArgument rewrites a query over $1, a list of schemas, and $2, the kinds of
// structure, to the function's arguments.
func onlyArgument(query string) string {
	return strings.NewReplacer("$1::text[]", "ARRAY[$1]", "$2::text[]", "$2").Replace(query)
}
