package reconcile

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"tenantry/internal/diag"
	"tenantry/schema"
	"tenantry/state"
)

// CodeDatabase is the code of the diagnostic that says what keeps a database from
// being read.
const CodeDatabase = "database-unreachable"

// Unusable returns a database that nothing can be done in, for the reason given.
func Unusable(name string, reason error) Database { return &unusable{name: name, reason: reason} }

// unusable has only the methods that may be called without Connect, and those
// that somebody may call who has not asked for that.
type unusable struct {
	Database
	name   string
	reason error
}

func (u *unusable) Name() string                                               { return u.name }
func (u *unusable) Connect(context.Context) error                              { return u.reason }
func (u *unusable) Identity() string                                           { return "" }
func (u *unusable) Rest()                                                      {}
func (u *unusable) Major() int                                                 { return 0 }
func (u *unusable) Gone(error) bool                                            { return true }
func (u *unusable) Lines(context.Context, string) ([]schema.Line, error)       { return nil, u.reason }
func (u *unusable) Runs(context.Context, int) ([]PastRun, error)               { return nil, u.reason }
func (u *unusable) Changes(context.Context, string, int) ([]PastChange, error) { return nil, u.reason }

// names returns the databases to look at: of a whole fleet all that there are,
// for one without targets may hold what the file asks for no more.
func (p *Planner) names(desired *Desired) []string {
	names := desired.Databases()
	if desired.Partial {
		return names
	}
	for name := range p.Databases {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// lost is the plan of a database that cannot be read: all its targets have failed.
func lost(desired *Desired, name string, reason error) *databasePlan {
	d := &databasePlan{lost: reason}
	for _, t := range desired.Targets {
		if t.Database != name {
			continue
		}
		planned := PlannedTarget{
			Tenant: t.Tenant, Shared: t.Shared, Database: t.Database, Schema: t.Schema, Action: ActionNone, Reason: ReasonUnreachable, Wave: t.Wave,
			Drift: []string{}, Diagnostics: []Diagnostic{unreachable(reason)},
		}
		if t.Source.File != "" {
			planned.Source = &t.Source
		}
		d.targets = append(d.targets, planned)
	}
	return d
}

func unreachable(reason error) Diagnostic {
	return Diagnostic{Severity: diag.Error, Code: CodeDatabase, Message: reason.Error()}
}

// allLost returns why nothing can be done at all, where no database is left.
func (p *Planner) allLost(lost []error) error {
	if len(lost) == 0 || len(lost) < len(p.Databases) || slices.Contains(lost, nil) {
		return nil
	}
	return errors.Join(lost...)
}

// lose notes that nothing can be done in a database, and says so where no target
// does.
func (p *Plan) lose(name string, part *databasePlan) {
	if part.lost == nil {
		return
	}
	p.lost[name] = part.lost
	if len(part.targets) == 0 {
		p.Diagnostics = append(p.Diagnostics, unreachable(part.lost))
	}
}

// Lost returns the databases that nothing can be done in, sorted.
func (p *Plan) Lost() []string { return slices.Sorted(maps.Keys(p.lost)) }

// lose fails what is left to be done in a database that nothing can be done in
// any more. Such failures do not count against max_failures: the others go on.
func (a *applying) lose(p *part, reason error) {
	p.lost.Store(&reason)
	for _, i := range p.indexes {
		t := &a.plan.Targets[i]
		if t.as != nil || t.forget != "" || slices.Contains(p.pending, i) {
			a.finish(i, Outcome{Result: ResultFailed, Error: reason.Error()})
		}
	}
	p.pending = nil
}

// reason returns why nothing can be done in the part's database, or nil.
func (p *part) reason() error {
	if reason := p.lost.Load(); reason != nil {
		return *reason
	}
	return nil
}

// limitsOf returns how much is done at once in a database, and how long a lock is
// waited for there.
func (a *Applier) limitsOf(database string) state.Limits {
	l := a.Limits[database]
	if l.Parallelism == 0 {
		l.Parallelism = max(1, a.Parallelism)
	}
	if l.LockTimeout == 0 {
		l.LockTimeout = a.LockTimeout
	}
	return l
}

// parallelism is how many targets of the database are worked on at once.
func (d *databasePlanner) parallelism() int {
	return max(1, cmp.Or(d.desired.Limits[d.db.Name()].Parallelism, d.desired.Policy.Parallelism))
}
