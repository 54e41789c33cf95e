package adopt

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"tenantry/schema"
)

// serviceName is what a service can be called.
var serviceName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// share finds the schemas that the template refers to, and those that they refer
// to: the shared services, each after those that it needs.
func (s *survey) share(ctx context.Context) error {
	return s.sharedBy(ctx, s.out.Template.Schema, nil)
}

func (s *survey) sharedBy(ctx context.Context, name string, path []string) error {
	lines, err := s.linesOf(ctx, name)
	if err != nil {
		return err
	}
	path = append(slices.Clone(path), name)
	for _, r := range schema.References(lines) {
		switch is, err := s.isShared(ctx, name, r); {
		case err != nil:
			return err
		case !is:
			continue
		case slices.Contains(path, r.Schema):
			return fmt.Errorf("the schemas %s and %s refer to each other (%s.%s: %s): neither can be defined before the other, so this database cannot be adopted as it is", r.Schema, name, name, r.From.Table, r.From)
		case !serviceName.MatchString(r.Schema):
			return fmt.Errorf("%s of %s refers to the schema %q, which would be a shared service, and a service cannot have that name: rename the schema", r.From, name, r.Schema)
		case r.Schema == s.options.Service:
			return fmt.Errorf("the shared schema %q has the name of the tenants' service: give that another with --service", r.Schema)
		}
		if err := s.sharedBy(ctx, r.Schema, path); err != nil {
			return err
		}
		s.out.Shared = append(s.out.Shared, SharedService{
			Schema: r.Schema, Because: r.From.String(), Matched: s.notATenant(r.Schema), Unsaid: []string{}, Reprinted: []string{},
		})
	}
	return nil
}

// isShared reports whether a reference makes a shared service of its schema, and
// one that is not known yet. Of public that takes a table or a view: types and
// functions are used where they are.
func (s *survey) isShared(ctx context.Context, name string, r schema.Reference) (bool, error) {
	known := slices.ContainsFunc(s.out.Shared, func(o SharedService) bool { return o.Schema == r.Schema })
	if known || r.Schema == name || !slices.Contains(s.all, r.Schema) {
		return false, nil
	}
	lines, err := s.linesOf(ctx, r.Schema)
	if err != nil {
		return false, err
	}
	if r.Schema == "public" {
		return schema.HoldsRelation(lines, r.Name), nil
	}
	return schema.Holds(lines, r.Name), nil
}

// notATenant takes a schema out of the tenants.
func (s *survey) notATenant(name string) (was bool) {
	for i := range s.out.Groups {
		g := &s.out.Groups[i]
		n := len(g.Tenants)
		g.Tenants = slices.DeleteFunc(g.Tenants, func(t Tenant) bool { return t.Schema == name })
		was = was || len(g.Tenants) < n
	}
	s.out.Groups = slices.DeleteFunc(s.out.Groups, func(g Group) bool { return len(g.Tenants) == 0 })
	return was
}
