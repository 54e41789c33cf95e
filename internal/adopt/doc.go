// Package adopt writes down what a database with tenant schemas is: the files
// that reconcile keeps it by from then on.
//
// Survey reads. It groups the schemas that match by their fingerprints, takes
// one group's structure as the definition, and says how the others differ from
// it. Schemas that the tenants refer to become shared services. What comes out
// are files, in memory, that have been compiled and compared with the live
// schemas; Write puts them on the disk.
//
// It never writes to a database. It is not a migration: tenants that differ
// from the definition stay as they are until somebody applies the files.
package adopt
