// Package runbook is the HTTP API of reconcile serve: for portals that sign
// tenants up, and for the people and scripts that look after them.
//
// # What it answers
//
// The operations are those of openapi.yaml, which is served as
// /api/v1/openapi.json and is the contract: whatever it says of paths,
// parameters, answers and errors holds, and tests hold every answer against it.
// Fields and operations may be added within v1; none changes its meaning. A
// reader ignores fields that it does not know. Errors are problem details after
// RFC 9457, with a code that is never renamed.
//
// Answers come from the loop's last Observation, which says when that was, or
// from a fresh look at the database where the operation says so. Nothing is
// answered from a copy of its own.
//
// # What it writes
//
// tenants.yaml stays the truth. A write edits that file, by way of a Writer, and
// pokes the loop, which does the rest; there is no tenant that the API knows and
// neither the file nor a source does. A write that was answered with success is
// in the file, so a crash a moment later loses nothing: the next process finds it
// there. Writes are idempotent, so whoever got no answer asks again.
//
// # Who may
//
// On loopback without tokens whoever reaches it is an operator, by the name of a
// loopback host only. Else it takes bearer tokens from a file, the same token in
// an HttpOnly cookie that the login page sets, or the name that a trusted proxy
// puts into a header, believed only from the proxy's addresses. A viewer reads;
// an operator writes. Requests that a browser sends on behalf of another site
// change nothing. Each write is on record before it is carried out: who, what,
// from where.
//
// # What it is not
//
// It plans and applies nothing itself, knows no driver, and has no state that a
// restart would lose, but for plans that were made and not applied, which can be
// made again.
package runbook
