package state

import "tenantry/internal/diag"

// Target is one schema that should exist. It shares its slices and maps with
// the File that it comes from: they are to be read only.
type Target struct {
	Tenant   string // the tenant's id, or "" for a shared service
	Service  string // of a shared service, and of a schema that holds one service
	Database string
	Schema   string
	Services []string // what the schema holds
	Vars     map[string]string
	Labels   map[string]string
	Name     string // what people call the tenant, or ""
	Grants          // those of the tenant, with the name of its role expanded
	Life
	Former string   // the schema that it had as Was, or ""
	Pos    diag.Pos // of the tenant, or where the shared service is mentioned first
}

// Shared reports whether the target is that of a shared service.
func (t Target) Shared() bool { return t.Tenant == "" }

// String names the target for people.
func (t Target) String() string { return t.Database + "." + t.Schema }

// Targets returns every schema that the file comes to: the shared services of
// each database that has tenants, in the order of databases and services, then
// the tenants in the order of the file, each with its services in order where
// they have schemas of their own.
func (f *File) Targets() []Target {
	targets := f.sharedTargets()
	own := len(targets)
	for _, t := range f.Tenants {
		if !t.perService() {
			targets = append(targets, t.target("", t.Services))
			continue
		}
		for i, service := range t.Services {
			targets = append(targets, t.target(service, t.Services[i:i+1:i+1]))
		}
	}
	f.place(targets[own:])
	return targets
}

// place puts targets of tenants in the databases that theirs stand for.
func (f *File) place(targets []Target) {
	each := make(map[string]Database)
	for _, d := range f.Databases {
		if d.PerTenant() {
			each[d.Name] = d
		}
	}
	for i := range targets {
		t := &targets[i]
		if d, ok := each[t.Database]; ok {
			one, _ := d.of(Tenant{ID: t.Tenant, Labels: t.Labels})
			t.Database = one.Name
		}
	}
}

// sharedTargets returns the targets of the shared services.
func (f *File) sharedTargets() []Target {
	inhabited := map[string]bool{}
	for _, t := range f.Tenants {
		one, _ := f.databaseOf(t)
		inhabited[one.Name] = true
	}
	var targets []Target
	for _, d := range f.Places() {
		for i, service := range f.Shared {
			if inhabited[d.Name] {
				targets = append(targets, Target{
					Service:  service,
					Database: d.Name,
					Schema:   service,
					Services: f.Shared[i : i+1 : i+1],
					Pos:      f.ServicePos(service),
				})
			}
		}
	}
	return targets
}

// target returns the schema of a tenant that holds these services.
func (t Tenant) target(service string, services []string) Target {
	former := ""
	if t.Was != "" {
		former = expandSchema(t.Schema, t.Was, service)
	}
	return Target{
		Tenant:   t.ID,
		Service:  service,
		Database: t.Database,
		Schema:   expandSchema(t.Schema, t.ID, service),
		Services: services,
		Vars:     t.Vars,
		Labels:   t.Labels,
		Name:     t.Name,
		Grants:   t.grants(),
		Life:     t.Life,
		Former:   former,
		Pos:      t.Pos,
	}
}

// checkTargets checks the schemas that the tenants come to: each by its name,
// and that no two are one.
func (r *reader) checkTargets() {
	type place struct{ database, schema string }
	taken := make(map[place]Target, len(r.file.Tenants))
	for _, t := range r.file.Targets() {
		at := place{t.Database, t.Schema}
		first, conflict := taken[at]
		switch {
		case !t.Shared() && !r.checkSchema(t):
		case conflict:
			r.schemaConflict(first, t)
		default:
			taken[at] = t
		}
	}
}

// checkSchema checks the name of a tenant's schema. Where the template or a
// part of it was refused there is nothing more to say.
func (r *reader) checkSchema(t Target) bool {
	if t.Schema == "" || t.Service == unsound || t.Database == unsound {
		return false
	}
	problem := schemaProblem(t.Schema)
	if problem == "" && t.Schema == "public" {
		problem = "is everyone's"
	}
	if problem != "" {
		r.errorf(r.schemaPos(t), CodeInvalidSchema, "the schema %s of the tenant %s %s", quote(t.Schema), quote(t.Tenant), problem)
	}
	return problem == ""
}

// schemaPos returns where a tenant's schema is decided: in its own field, or
// by its id.
func (r *reader) schemaPos(t Target) diag.Pos {
	if pos, ok := r.schemas[t.Tenant]; ok {
		return pos
	}
	return t.Pos
}

// schemaConflict adds an error about two targets that come to one schema.
func (r *reader) schemaConflict(first, second Target) {
	who := "the tenant " + quote(first.Tenant)
	if first.Shared() {
		who = "the shared service " + quote(first.Service)
	}
	r.errorf(r.schemaPos(second), CodeSchemaConflict, "the tenant %s comes to the schema %s in the database %s, as does %s",
		quote(second.Tenant), quote(second.Schema), quote(second.Database), who)
	r.hintf("also at %s", r.schemaPos(first))
}
