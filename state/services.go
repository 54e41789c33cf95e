package state

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"tenantry/internal/diag"
)

// unsound stands for a name that was refused, so that it is not reported as
// lacking too. No name is so.
const unsound = "\x00"

// sharedServices reads the services that exist once per database.
func (r *reader) sharedServices(n *yaml.Node) {
	r.file.Shared = r.services(n, `"shared"`, func(n *yaml.Node, name string) bool {
		problem := schemaProblem(name)
		if problem != "" {
			r.errorf(r.pos(n), CodeInvalidSchema, "the schema of the shared service %s %s", quote(name), problem)
		}
		return problem == ""
	})
	r.shared = make(map[string]bool, len(r.file.Shared))
	for _, s := range r.file.Shared {
		r.shared[s] = true
	}
}

// defaults reads what holds for tenants that do not say otherwise.
func (r *reader) defaults(n *yaml.Node) {
	d := &r.file.Defaults
	r.object(n, "the defaults",
		field{"database", func(n *yaml.Node) { d.Database = r.databaseName(n) }},
		field{"schema", func(n *yaml.Node) { d.Schema, _ = r.template(n) }},
		field{"services", func(n *yaml.Node) { d.Services = r.tenantServices(n) }},
		field{"access", func(n *yaml.Node) { d.Access = r.access(n) }},
		field{"role", func(n *yaml.Node) { d.Role = r.role(n) }},
	)
	r.applyDefaults()
}

// applyDefaults fills in the defaults that the file leaves out.
func (r *reader) applyDefaults() {
	d := &r.file.Defaults
	if d.Schema == "" {
		d.Schema = DefaultSchema
	}
	switch {
	case d.Database != "":
	case len(r.file.Databases) == 0:
		d.Database = unsound
	case len(r.file.Databases) == 1:
		d.Database = r.file.Databases[0].Name
	}
	if d.Services == nil {
		for _, s := range r.options.Services {
			if !r.shared[s] {
				d.Services = append(d.Services, s)
			}
		}
	}
}

// databaseName returns the name of one of the databases.
func (r *reader) databaseName(n *yaml.Node) string {
	name, ok := r.text(n, `"database"`)
	if !ok {
		return unsound
	}
	compare := func(d Database, name string) int { return strings.Compare(d.Name, name) }
	if _, found := slices.BinarySearchFunc(r.file.Databases, name, compare); found {
		return name
	}
	r.errorf(r.pos(n), CodeUnknownDatabase, "there is no database %s", quote(name))
	names := make([]string, len(r.file.Databases))
	for i, d := range r.file.Databases {
		names[i] = d.Name
	}
	if !r.suggest(name, names) && len(names) <= 5 && len(names) > 0 {
		r.hintf("there is %s", enumerate(names))
	}
	return unsound
}

// tenantServices reads the services of a tenant, which are some and none of
// them shared.
func (r *reader) tenantServices(n *yaml.Node) []string {
	services := r.services(n, `"services"`, func(n *yaml.Node, name string) bool {
		if r.shared[name] {
			r.errorf(r.pos(n), CodeSharedService, "the service %s is shared, so no tenant has it", quote(name))
			r.hintf(`remove it here, or from "shared"`)
		}
		return !r.shared[name]
	})
	if at := target(n); at.Kind == yaml.SequenceNode && len(at.Content) == 0 {
		r.errorf(r.pos(n), CodeNoServices, `"services" is empty`)
		r.hintf("a tenant has at least one service")
	}
	if services == nil {
		return []string{unsound}
	}
	return services
}

// services reads a list of services, each checked.
func (r *reader) services(n *yaml.Node, what string, check func(*yaml.Node, string) bool) []string {
	items, _ := r.list(n, what)
	var services []string
	seen := make(map[string]diag.Pos, len(items))
	for _, item := range items {
		name, ok := r.text(item, "a service")
		if !ok || !r.name(item, name, "a service") || !check(item, name) {
			continue
		}
		pos := r.pos(item)
		if first, given := seen[name]; given {
			r.errorf(pos, CodeDuplicateService, "the service %s is listed twice", quote(name))
			r.hintf("also at %s", first)
			continue
		}
		seen[name] = pos
		r.mention(name, pos)
		services = append(services, name)
	}
	return services
}

// checkServices lets the caller check each service where it is mentioned first.
func (r *reader) checkServices() {
	if r.options.CheckService == nil {
		return
	}
	for _, service := range slices.Sorted(maps.Keys(r.file.mentions)) {
		if wrong, ok := errors.AsType[diag.List](r.options.CheckService(service, r.file.mentions[service])); ok {
			r.found = append(r.found, wrong...)
		}
	}
}

// mention notes where a service is mentioned.
func (r *reader) mention(service string, pos diag.Pos) {
	if first, ok := r.file.mentions[service]; !ok || pos.Compare(first) < 0 {
		r.file.mentions[service] = pos
	}
}
