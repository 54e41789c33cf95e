package postgres

import "github.com/jackc/pgx/v5"

// The process that serves a connection keeps something of all that the connection
// has touched, and lets none of it go before it ends: an entry for each relation,
// and for each foreign key that a row was checked against a plan
// (ri_triggers.c). Whenever a relation changes anywhere, it walks all of those plans
// (PlanCacheRelCallback in plancache.c). So the same DDL takes longer with each
// tenant that a connection has had before: after some hundred of them, twice as long
// and more. A connection that has sent enough is therefore closed, and the next one
// makes the few plans of the control schema's functions anew.

// endurance is how many queries the transactions of targets send over a connection
// before it is worn. Forty files are about two hundred; what a new connection has to
// plan anew costs as much as two tenants of them.
const endurance = 4000

// queriesSent is the key of how many a connection has sent.
const queriesSent = "tenantry queries sent"

// wear counts queries in.
func wear(conn *pgx.Conn, queries int) {
	data := conn.PgConn().CustomData()
	sent, _ := data[queriesSent].(int)
	data[queriesSent] = sent + queries
}

// worn reports whether a connection is to be closed when it is given back.
func worn(conn *pgx.Conn) bool {
	sent, _ := conn.PgConn().CustomData()[queriesSent].(int)
	return sent >= endurance
}
