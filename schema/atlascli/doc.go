// Package atlascli is the official Atlas binary as a planning engine, by way of
// Atlas's own SDK, for whoever has Atlas already: its Pro plans what the library
// does not, and reads an atlas.hcl that only the binary can evaluate.
//
// The binary never speaks to a managed database. It is asked in databases of its
// own on a dev server: for a blueprint, which statements lead from nothing to its
// HCL; for a class, which lead from a copy of the live structure to a copy of what
// the blueprint compiles to. It only ever plans (schema apply --dry-run). What it
// says is run, judged and proven on the workbench like any other plan.
//
// It is not a way to run other commands of Atlas, and it does not install it.
package atlascli
