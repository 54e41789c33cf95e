package adopt

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"tenantry/reconcile"
	"tenantry/schema"
)

// A Database is what a survey reads.
type Database interface {
	Name() string
	// Schemas returns the names of all schemas but PostgreSQL's and Tenantry's.
	Schemas(ctx context.Context) ([]string, error)
	// Observe reads the fingerprints of the schemas named.
	Observe(ctx context.Context, schemas []string, all bool) (*reconcile.Observed, error)
	// Lines returns the lines of one schema, Columns the columns of each of its
	// tables in their order.
	Lines(ctx context.Context, schema string) ([]schema.Line, error)
	Columns(ctx context.Context, schema string) (map[string][]string, error)
	// Histories reads what migration tools have recorded in these schemas.
	Histories(ctx context.Context, schemas []string) ([]History, error)
}

// Options say what to adopt.
type Options struct {
	Match    string // which schemas are tenants: % is any text
	Template string // the tenant, or its schema, whose structure is the definition; "" for that of most
	Service  string // the name of the tenants' service
}

// A NotFoundError says that there is nothing to adopt.
type NotFoundError struct {
	What string
	Near []string // some schemas that there are
}

func (e *NotFoundError) Error() string {
	if len(e.Near) == 0 {
		return e.What + "; the database has no schemas"
	}
	return e.What + "; there are " + strings.Join(e.Near, ", ")
}

// Survey reads the database and writes the files in memory. The planner's
// workbench is where they are proven.
func Survey(ctx context.Context, db Database, planner *schema.Planner, o Options) (*Result, error) {
	s := &survey{
		db: db, planner: planner, options: o, pattern: parsePattern(o.Match), lines: make(map[string][]schema.Line),
		out: &Result{
			FormatVersion: FormatVersion, Database: db.Name(), Match: o.Match, Service: o.Service, Groups: []Group{}, Shared: []SharedService{},
			Skipped: []Skipped{}, Histories: []History{}, Unsaid: []string{}, Reprinted: []string{}, Files: []File{},
		},
	}
	for _, step := range []func(context.Context) error{s.find, s.group, s.choose, s.share, s.compare, s.histories, s.draft, s.files} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s.out, nil
}

type survey struct {
	db      Database
	planner *schema.Planner
	options Options
	pattern pattern
	all     []string // every schema
	tenants []Tenant
	lines   map[string][]schema.Line // by schema, as far as they were read
	drafts  []*schema.Draft          // of the shared services, and last the tenants'
	out     *Result
}

// find finds the schemas that match and can be tenants.
func (s *survey) find(ctx context.Context) (err error) {
	if s.all, err = s.db.Schemas(ctx); err != nil {
		return err
	}
	names := ids{pattern: s.pattern, taken: make(map[string]bool)}
	for _, name := range s.all {
		if !s.pattern.match.MatchString(name) || name == "public" {
			continue
		}
		if why := unusable(name); why != "" {
			s.out.Skipped = append(s.out.Skipped, Skipped{Schema: name, Why: why})
			continue
		}
		s.tenants = append(s.tenants, Tenant{ID: names.of(name), Schema: name})
	}
	if len(s.tenants) == 0 {
		return &NotFoundError{What: fmt.Sprintf("no schema of database %s matches %q", s.db.Name(), s.options.Match), Near: s.all[:min(len(s.all), 5)]}
	}
	return nil
}

// group groups the tenants by structure.
func (s *survey) group(ctx context.Context) error {
	var names []string
	for _, t := range s.tenants {
		names = append(names, t.Schema)
	}
	observed, err := s.db.Observe(ctx, names, false)
	if err != nil {
		return err
	}
	at := make(map[schema.Fingerprint]int)
	for _, t := range s.tenants {
		live, exists := observed.Live[t.Schema]
		if !exists {
			continue // dropped meanwhile
		}
		i, known := at[live.Fingerprint]
		if !known {
			i = len(s.out.Groups)
			at[live.Fingerprint] = i
			s.out.Groups = append(s.out.Groups, Group{
				Fingerprint: live.Fingerprint.String(), Empty: live.Fingerprint == schema.Fingerprint{}, Differences: []Difference{}, RefersTo: []string{},
			})
		}
		s.out.Groups[i].Tenants = append(s.out.Groups[i].Tenants, t)
	}
	slices.SortStableFunc(s.out.Groups, func(a, b Group) int {
		switch {
		case a.Empty != b.Empty:
			if a.Empty {
				return 1
			}
			return -1
		}
		return cmp.Compare(len(b.Tenants), len(a.Tenants))
	})
	return nil
}

// choose puts the template's group first.
func (s *survey) choose(context.Context) error {
	groups := s.out.Groups
	if len(groups) == 0 {
		return &NotFoundError{What: "the schemas that match are gone"}
	}
	i, tenant := 0, groups[0].Tenants[0]
	if s.options.Template != "" {
		i = slices.IndexFunc(groups, func(g Group) bool {
			at := slices.IndexFunc(g.Tenants, func(t Tenant) bool { return t.ID == s.options.Template || t.Schema == s.options.Template })
			if at >= 0 {
				tenant = g.Tenants[at]
			}
			return at >= 0
		})
		if i < 0 {
			return &NotFoundError{What: fmt.Sprintf("--template %q is none of the tenants that match %q", s.options.Template, s.options.Match), Near: schemasOf(s.tenants)}
		}
	}
	if groups[i].Empty {
		return fmt.Errorf("the schema %s is empty: there is nothing to take as the definition", tenant.Schema)
	}
	g := groups[i]
	g.Template = true
	s.out.Groups = append([]Group{g}, slices.Delete(groups, i, i+1)...)
	s.out.Template = tenant
	return nil
}

func schemasOf(tenants []Tenant) (out []string) {
	for _, t := range tenants[:min(len(tenants), 5)] {
		out = append(out, t.ID)
	}
	return out
}

// linesOf reads the lines of a schema, once.
func (s *survey) linesOf(ctx context.Context, name string) ([]schema.Line, error) {
	if lines, ok := s.lines[name]; ok {
		return lines, nil
	}
	lines, err := s.db.Lines(ctx, name)
	if err == nil {
		s.lines[name] = lines
	}
	return lines, err
}

// compare says how each group differs from the template, and which of them
// refer to other tenants.
func (s *survey) compare(ctx context.Context) error {
	s.tenants = nil
	for i := range s.out.Groups {
		g := &s.out.Groups[i]
		s.tenants = append(s.tenants, g.Tenants...)
		if g.Template || g.Empty {
			continue
		}
		lines, err := s.linesOf(ctx, g.Tenants[0].Schema)
		if err != nil {
			return err
		}
		g.Differences = differences(lines, s.lines[s.out.Template.Schema])
		if g.RefersTo, err = s.otherTenants(ctx, lines, g); err != nil {
			return err
		}
	}
	s.out.Tenants = len(s.tenants)
	s.join()
	return nil
}

// join puts into the template's group whoever differs from it only in the tables
// of migration tools, which no definition holds.
func (s *survey) join() {
	first := &s.out.Groups[0]
	for _, g := range s.out.Groups[1:] {
		if len(g.Differences)+len(g.RefersTo) == 0 && !g.Empty {
			first.Tenants = append(first.Tenants, g.Tenants...)
		}
	}
	rest := slices.DeleteFunc(s.out.Groups[1:], func(g Group) bool { return len(g.Differences)+len(g.RefersTo) == 0 && !g.Empty })
	s.out.Groups = s.out.Groups[:1+len(rest)]
	slices.SortStableFunc(first.Tenants, func(a, b Tenant) int { return cmp.Compare(a.Schema, b.Schema) })
}

// otherTenants returns the tenants' schemas that a group refers to.
func (s *survey) otherTenants(ctx context.Context, lines []schema.Line, of *Group) ([]string, error) {
	out := []string{}
	for _, r := range schema.References(lines) {
		isTenant := r.Schema != of.Tenants[0].Schema && slices.ContainsFunc(s.out.Groups, func(g Group) bool {
			return slices.ContainsFunc(g.Tenants, func(t Tenant) bool { return t.Schema == r.Schema })
		})
		if !isTenant || slices.Contains(out, r.Schema) {
			continue
		}
		held, err := s.linesOf(ctx, r.Schema)
		if err != nil {
			return nil, err
		}
		if schema.Holds(held, r.Name) {
			out = append(out, r.Schema)
		}
	}
	return out, nil
}

// differences returns what differs from have to want; what goes with a table or
// a column that is itself missing, or too much, is not told apart.
func differences(have, want []schema.Line) []Difference {
	all := schema.Differences(have, want)
	out := []Difference{}
	for _, d := range all {
		if d.Kind == schema.KindMigrationHistory || slices.ContainsFunc(all, func(whole schema.Difference) bool { return partOf(d, whole) }) {
			continue
		}
		x := Difference{Kind: d.Kind, Table: d.Table, Name: d.Name, Problem: "different", Live: d.Have, Wanted: d.Want, Subject: oneLine(subject(d.Line))}
		switch {
		case d.Missing:
			x.Problem = "missing"
		case d.Unexpected:
			x.Problem = "unexpected"
		}
		out = append(out, x)
	}
	return out
}

// partOf reports whether a difference is there only because a whole table,
// column or domain is missing, or too much.
func partOf(d, whole schema.Difference) bool {
	if !whole.Missing && !whole.Unexpected || d.Missing != whole.Missing || d.Unexpected != whole.Unexpected {
		return false
	}
	switch whole.Kind {
	case schema.KindTable:
		name := schema.BareIdent(whole.Name)
		switch d.Kind {
		case schema.KindOwnedSequence:
			return strings.Contains(d.Have+d.Want, " OWNED BY "+name+".")
		case schema.KindComment:
			return d.Table == whole.Name || d.Name == "TABLE "+name
		case schema.KindRowSecurity, schema.KindReplicaIdentity, schema.KindCluster:
			return d.Name == whole.Name
		}
		return d.Table == whole.Name
	case schema.KindColumn:
		return d.Kind != schema.KindColumn && d.Table == whole.Table && d.Name == whole.Name
	case schema.KindDomain:
		return d.Kind == schema.KindDomainConstraint && d.Table == whole.Name
	}
	return false
}

// subject names a line for a reader; what is a property of a column is said so.
func subject(l schema.Line) string {
	switch l.Kind {
	case schema.KindNotNull:
		return "NOT NULL of " + l.Table + "." + l.Name
	case schema.KindDefault, schema.KindIdentity:
		return string(l.Kind) + " of " + l.Table + "." + l.Name
	}
	return l.String()
}
