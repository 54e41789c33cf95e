package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tenantry/schema"
)

// Roles belong to a server and not to a database, so another run, in another
// database, may make one while this one thinks about it.

var (
	makeRole = schema.Statement{
		SQL: "DO $$ BEGIN\n\tIF to_regrole('{role}') IS NULL THEN\n\t\tCREATE ROLE {role} NOLOGIN;\n\tEND IF;\n" +
			"EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;\nEND $$",
		Comment: "makes the role of the tenant's own, unless it is there", Transactional: true, Hazards: []schema.Hazard{}, Named: true,
	}
	renameRole = schema.Statement{
		SQL: "ALTER ROLE {from_role} RENAME TO {role}", Comment: "the role of the tenant's own gets another name", Transactional: true,
		Hazards: []schema.Hazard{}, Named: true, Reverse: []string{"ALTER ROLE {role} RENAME TO {from_role}"},
	}
	letIn = schema.Statement{
		SQL: "ALTER ROLE {role} LOGIN PASSWORD {password}", Comment: "lets it in with its password, which stands nowhere", Transactional: true,
		Hazards: []schema.Hazard{}, Named: true, Reverse: []string{"ALTER ROLE {role} NOLOGIN PASSWORD NULL"},
	}
	endingSessions = schema.Statement{
		SQL:     "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = to_regrole('{role}')::oid AND pid <> pg_backend_pid()",
		Comment: "ends the sessions of the role of the tenant's own", Transactional: true, Hazards: []schema.Hazard{}, Named: true,
	}
)

// findRoles looks at the roles of all targets that something may be done for:
// those of tenants' own are made or renamed, the others have to be there.
func (d *databasePlanner) findRoles(ctx context.Context, changes []Change, looked []*Change) error {
	about := slices.Clone(looked)
	for i := range changes {
		if c := &changes[i]; c.Access.managed && c.Access.fresh && c.Action.migrates() {
			about = append(about, c)
		}
	}
	names := make(map[string]bool)
	for _, c := range about {
		for role := range c.Target.Access {
			names[role] = true
		}
		if c.Access.role != "" {
			names[c.Access.role] = true
		}
		if c.Record != nil && c.Record.Role != "" {
			names[c.Record.Role] = true
		}
	}
	if len(names) == 0 {
		return nil
	}
	there, err := d.db.Roles(ctx, slices.Sorted(maps.Keys(names)))
	if err != nil {
		return err
	}
	for _, c := range about {
		c.needRoles(there)
	}
	return nil
}

// needRoles says what is to be done about the roles of a target.
func (c *Change) needRoles(there map[string]bool) {
	a := &c.Access
	if c.Target.wish() != WishActive {
		return // nobody has any rights then
	}
	var missing []string
	for _, role := range slices.Sorted(maps.Keys(c.Target.Access)) {
		if _, ok := there[role]; !ok {
			missing = append(missing, role)
		}
	}
	if len(missing) > 0 {
		a.err = fmt.Errorf("no such role in the database: %s; make it, or take it out of access", strings.Join(missing, ", "))
		a.key += fmt.Sprintf("\nmissing %q", missing)
		if c.Action == ActionNone {
			c.changeAccess()
		}
		return
	}
	if c.Target.Role == nil {
		return
	}
	canLogin, exists := there[a.role]
	if r := c.Record; !exists && r != nil && r.Role != "" && r.Role != a.role {
		if canLogin, exists = there[r.Role]; exists {
			a.fromRole = r.Role
			a.before = append(a.before, renameRole)
		}
	}
	if !exists {
		a.before = append(a.before, makeRole)
	}
	if c.Target.Role.Login() && !canLogin {
		a.before = append(a.before, letIn)
		a.login = c.Target.Role
	}
	if len(a.before) > 0 && c.Action == ActionNone {
		c.changeAccess()
	}
	for _, s := range a.before {
		a.key += "\n" + s.SQL
	}
}
