// Package reconcile makes databases equal to files.
//
// The data goes one way. Resolve joins what state says (which tenants) with
// what schema says (what their schemas hold) into Desired; Observe reads the
// live databases into Observed; Diff compares the two, without I/O; MakePlan
// plans once per class, the targets that share a live structure and a
// blueprint; Apply carries a plan out, a transaction per target; and a Report
// says what came of it. Every stage's result is a plain value.
//
// It knows no driver and no renderer: databases are what the interface Database
// says, and reports are rendered elsewhere.
package reconcile
