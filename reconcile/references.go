package reconcile

import (
	"fmt"
	"slices"

	"tenantry/internal/diag"
	"tenantry/schema"
)

// CodeManyReferences warns of a shared table that so many foreign keys lead to that
// a row of it may not be deleted any more.
const CodeManyReferences = "many-references"

// references warns of shared tables that the tenants, as they should be, refer to
// from more tables than the server can look into at once. Of a part of the tenants
// nothing can be said.
func (d *databasePlanner) references() (notes []Diagnostic) {
	if d.desired.Partial || d.observed.Locks == 0 {
		return nil
	}
	ofOne := make(map[string][]schema.SharedTable) // by digest
	var all []schema.SharedTable
	for i := range d.desired.Targets {
		t := &d.desired.Targets[i]
		c := d.compiled[t.Blueprint.Digest]
		if t.Database != d.db.Name() || t.Shared || c == nil || t.wish() != WishActive && t.wish() != WishSuspended {
			continue
		}
		tables, known := ofOne[c.Digest]
		if !known {
			tables = c.SharedTables()
			ofOne[c.Digest] = tables
		}
		for _, s := range tables {
			at := slices.IndexFunc(all, func(o schema.SharedTable) bool { return o.Schema == s.Schema && o.Name == s.Name })
			if at < 0 {
				all = append(all, s)
				continue
			}
			all[at].Keys += s.Keys
			all[at].Locks += s.Locks
		}
	}
	for _, s := range all {
		if s.Locks > d.observed.Locks/2 { // others hold locks, too
			notes = append(notes, Diagnostic{
				Severity: diag.Warning, Code: CodeManyReferences,
				Message: fmt.Sprintf("database %s: %d foreign keys of tenants lead to %s.%s; to delete a row there PostgreSQL looks into each table that has one, which takes %d locks, and the server has room for about %d",
					d.db.Name(), s.Keys, s.Schema, s.Name, s.Locks, d.observed.Locks),
				Hint: "raise max_locks_per_transaction, or let one table of each tenant refer to it and the tenant's others to that one",
			})
		}
	}
	return notes
}
