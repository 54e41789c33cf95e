package report

import (
	"fmt"
	"slices"
	"strings"

	"tenantry/reconcile"
)

// fleet is what must be known of all targets to name one of them: a database is
// only named where there are several, and a schema where its tenant has several.
type fleet struct {
	databases []string // in the order of the plan
	schemas   map[owner]int
}

// owner is a tenant, or a shared service, in one database.
type owner struct {
	name, database string
	shared         bool
}

func ownerOf(t *reconcile.PlannedTarget) owner {
	return owner{name: t.Tenant, database: t.Database, shared: t.Shared}
}

func fleetOf(p *reconcile.Plan) fleet {
	f := fleet{schemas: make(map[owner]int)}
	seen := make(map[string]bool)
	for i := range p.Targets {
		t := &p.Targets[i]
		f.schemas[ownerOf(t)]++
		if !seen[t.Database] {
			seen[t.Database] = true
			f.databases = append(f.databases, t.Database)
		}
	}
	return f
}

func (f fleet) several() bool { return len(f.databases) > 1 }

// severalSchemas reports whether the tenant's name alone would not do.
func (f fleet) severalSchemas(t *reconcile.PlannedTarget) bool { return f.schemas[ownerOf(t)] > 1 }

// name returns what to call a target.
func (f fleet) name(t *reconcile.PlannedTarget) string {
	if f.severalSchemas(t) {
		return t.Tenant + " (" + t.Schema + ")"
	}
	return t.Tenant
}

// noun returns what the targets are, in the singular.
func (f fleet) noun(targets []*reconcile.PlannedTarget) string {
	shared, tenants := false, false
	for _, t := range targets {
		if f.severalSchemas(t) {
			return "schema"
		}
		shared, tenants = shared || t.Shared, tenants || !t.Shared
	}
	switch {
	case shared && tenants:
		return "schema"
	case shared:
		return "shared service"
	}
	return "tenant"
}

// subject names targets in a sentence: "the tenant acme", "3 tenants: acme,
// globex, initech", "the shared service identity in main and eu".
func (f fleet) subject(targets []*reconcile.PlannedTarget, verbose bool) string {
	noun, groups := f.noun(targets), f.byDatabase(targets)
	if one, ok := f.sameName(targets); ok {
		return "the " + noun + " " + one + f.in(groups)
	}
	many := count(len(targets), noun)
	if len(groups) == 1 {
		return many + f.in(groups) + ": " + names(f.names(targets), verbose)
	}
	var parts []string
	for _, g := range groups {
		parts = append(parts, fmt.Sprintf("%s in %s (%s)", thousands(len(g)), g[0].Database, names(f.names(g), verbose)))
	}
	return many + ": " + names(parts, verbose)
}

// sameName returns the name that all of the targets have, if they have: one
// target, or a shared service in several databases.
func (f fleet) sameName(targets []*reconcile.PlannedTarget) (string, bool) {
	one := f.name(targets[0])
	for _, t := range targets[1:] {
		if !t.Shared || f.name(t) != one {
			return "", false
		}
	}
	return one, true
}

// in says in which databases, where there are several to choose from.
func (f fleet) in(groups [][]*reconcile.PlannedTarget) string {
	if !f.several() {
		return ""
	}
	var databases []string
	for _, g := range groups {
		databases = append(databases, g[0].Database)
	}
	if n := len(databases); n > 1 && n <= allNames {
		return " in " + strings.Join(databases[:n-1], ", ") + " and " + databases[n-1]
	}
	return " in " + names(databases, false)
}

func (f fleet) names(targets []*reconcile.PlannedTarget) []string {
	out := make([]string, len(targets))
	for i, t := range targets {
		out[i] = f.name(t)
	}
	return out
}

// byDatabase sorts targets into groups, in the order of the plan.
func (f fleet) byDatabase(targets []*reconcile.PlannedTarget) [][]*reconcile.PlannedTarget {
	index := make(map[string]int)
	var groups [][]*reconcile.PlannedTarget
	for _, t := range targets {
		i, ok := index[t.Database]
		if !ok {
			i = len(groups)
			index[t.Database] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], t)
	}
	slices.SortStableFunc(groups, func(a, b []*reconcile.PlannedTarget) int {
		return slices.Index(f.databases, a[0].Database) - slices.Index(f.databases, b[0].Database)
	})
	return groups
}
