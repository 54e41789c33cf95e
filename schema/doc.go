// Package schema says what a schema is: what it should hold, what it holds,
// and which statements lead from the one to the other.
//
// A Project is atlas.hcl: services, each with its HCL or SQL sources. A
// Blueprint is what one live schema should hold: the union of its services'
// sources and variables, identified by a digest. Lines are what a schema does
// hold, in PostgreSQL's own words, and a Fingerprint is their hash. A Planner
// compiles blueprints and plans transitions on a Workbench, with an Engine
// (Atlas) doing what it can and the residue planner doing the rest; whatever it
// returns was run and compared there first.
//
// The package reads no live table and changes none: everything it runs, it runs
// under scratch names in a workbench's transaction, which is always rolled back.
// It knows nothing of tenants. No type of Atlas leaves it.
package schema
