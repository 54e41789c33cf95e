package loop

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tenantry/reconcile"
	"tenantry/state"
)

// An Observation is what the loop last saw. It and all that it leads to are to
// be read only.
type Observation struct {
	At      time.Time // when it was published
	Looked  time.Time // when the whole fleet was last looked at; zero before the first time
	Fine    time.Time // when the whole fleet was last as it should be; zero before
	World   *World    // nil before the files could be read
	Tenants []*Tenant // sorted by id; those that no file asks for any more are among them
	Shared  []*Tenant // the shared services, sorted by name

	Trouble string                 // what keeps the loop from its work, in one line; else ""
	Refused string                 // why nothing was done about the fleet as a whole, or ""
	Wrong   []reconcile.Diagnostic // what is wrong with the files
	Running *Progress              // the run that goes on, or nil
	Last    *reconcile.Report      // of the last run that changed something, or tried to; or nil

	Leading bool   // this replica is the one that brings about changes
	Leader  string // the replica that is
	Pause   *Pause // the loop brings about no changes; or nil
}

// A Tenant is a tenant, or a shared service, as it should be and as it is.
type Tenant struct {
	ID      string
	Defined *state.Tenant // nil for a shared service, and where no file asks for it any more
	Schemas []Schema      // sorted by database and schema
}

// A Schema is one live schema of a tenant.
type Schema struct {
	reconcile.TargetStatus
	Blocked string // why the last run left it as it is although it should change, or ""
}

// worst orders states: of a tenant with several schemas, the first that one of
// them is in is the tenant's.
var worst = []reconcile.State{
	reconcile.StateUnreachable, reconcile.StateFailing, reconcile.StateRefused, reconcile.StateMissing, reconcile.StateDrifted, reconcile.StateUnknown, reconcile.StateBehind, reconcile.StateInSync,
	reconcile.StateSuspended, reconcile.StateRetired, reconcile.StateOrphaned,
}

// ready reports whether the schema is as it should be.
func (s *Schema) ready() bool {
	for _, c := range s.Conditions {
		if c.Type == reconcile.ConditionReady {
			return c.Status
		}
	}
	return s.State == reconcile.StateInSync
}

// State is the worst state of its schemas.
func (t *Tenant) State() reconcile.State {
	least := len(worst) - 1
	for _, s := range t.Schemas {
		if i := slices.Index(worst, s.State); i >= 0 {
			least = min(least, i)
		}
	}
	return worst[least]
}

// Tenant returns the tenant of that id, or nil.
func (o *Observation) Tenant(id string) *Tenant { return find(o.Tenants, id) }

func find(tenants []*Tenant, id string) *Tenant {
	if i, found := slices.BinarySearchFunc(tenants, id, byID); found {
		return tenants[i]
	}
	return nil
}

func byID(t *Tenant, id string) int { return cmp.Compare(t.ID, id) }

// Summary counts tenants by state.
func (o *Observation) Summary() map[reconcile.State]int {
	counts := make(map[reconcile.State]int)
	for _, t := range o.Tenants {
		counts[t.State()]++
	}
	return counts
}

// with returns the tenants with those that the world defines, whose schemas are
// missing as far as anyone knows, and without those that neither the world nor a
// schema speaks for.
func defined(before []*Tenant, w *World) []*Tenant {
	known := make(map[string]*Tenant, len(before))
	for _, t := range before {
		known[t.ID] = t
	}
	missing := make(map[string][]Schema)
	for i := range w.Desired.Targets {
		if t := &w.Desired.Targets[i]; !t.Shared {
			missing[t.Tenant] = append(missing[t.Tenant], unseen(t))
		}
	}
	out := make([]*Tenant, 0, len(w.File.Tenants))
	for i := range w.File.Tenants {
		d := &w.File.Tenants[i]
		t := &Tenant{ID: d.ID, Defined: d, Schemas: missing[d.ID]}
		if was := known[d.ID]; was != nil {
			t.Schemas = merged(was.Schemas, missing[d.ID])
			if d.State == state.Retired && slices.ContainsFunc(was.Schemas, retired) {
				t.Schemas = was.Schemas // they have other names than what is asked for
			}
			delete(known, d.ID)
		}
		out = append(out, t)
	}
	for _, t := range known {
		if left := orphansOf(t.Schemas); len(left) > 0 {
			out = append(out, &Tenant{ID: t.ID, Schemas: left})
		}
	}
	slices.SortFunc(out, func(a, b *Tenant) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func retired(s Schema) bool { return s.State == reconcile.StateRetired }

// unseen is a target that nobody has looked at.
func unseen(t *reconcile.Target) Schema {
	return Schema{TargetStatus: reconcile.TargetStatus{
		Tenant: t.Tenant, Shared: t.Shared, Database: t.Database, Schema: t.Schema, State: reconcile.StateMissing, Wanted: t.Blueprint.Digest,
	}}
}

// merged returns what is known of the schemas that are asked for, and of those
// that were left behind.
func merged(known, asked []Schema) []Schema {
	var out []Schema
	for _, a := range asked {
		i := slices.IndexFunc(known, func(k Schema) bool { return k.Database == a.Database && k.Schema == a.Schema })
		if i >= 0 {
			a = known[i]
		}
		out = append(out, a)
	}
	for _, k := range known {
		left := k.State != reconcile.StateRetired && !slices.ContainsFunc(asked, func(a Schema) bool { return k.Database == a.Database && k.Schema == a.Schema })
		if left && k.State != reconcile.StateMissing {
			k.State = reconcile.StateOrphaned
			out = append(out, k)
		}
	}
	return sorted(out)
}

func orphansOf(known []Schema) []Schema { return merged(known, nil) }

func sorted(schemas []Schema) []Schema {
	slices.SortFunc(schemas, func(a, b Schema) int {
		return cmp.Or(strings.Compare(a.Database, b.Database), strings.Compare(a.Schema, b.Schema))
	})
	return schemas
}

// seen returns the tenants with what was found out about schemas, where asked were
// looked at. A whole look says of every schema what there is to say.
func seen(tenants []*Tenant, found []Schema, whole bool, asked []reconcile.Target) []*Tenant {
	byTenant := make(map[string][]Schema)
	for _, s := range found {
		byTenant[s.Tenant] = append(byTenant[s.Tenant], s)
	}
	out := make([]*Tenant, 0, len(tenants))
	for _, t := range tenants {
		of, looked := byTenant[t.ID]
		delete(byTenant, t.ID)
		switch {
		case whole && !looked && t.Defined == nil:
			continue
		case whole && looked:
			t = &Tenant{ID: t.ID, Defined: t.Defined, Schemas: sorted(of)}
		case looked:
			t = &Tenant{ID: t.ID, Defined: t.Defined, Schemas: replaced(t.Schemas, of, asked)}
		}
		out = append(out, t)
	}
	for id, of := range byTenant {
		out = append(out, &Tenant{ID: id, Schemas: sorted(of)})
	}
	slices.SortFunc(out, func(a, b *Tenant) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// replaced puts what was found in place of what was known of the same schemas, and
// of those that were looked at: what is put aside, or comes back, has another
// name than before.
func replaced(known, found []Schema, asked []reconcile.Target) []Schema {
	out := slices.Clone(found)
	for _, k := range known {
		again := slices.ContainsFunc(found, func(f Schema) bool { return f.Database == k.Database && f.Schema == k.Schema })
		looked := slices.ContainsFunc(asked, func(t reconcile.Target) bool {
			return !t.Shared && t.Tenant == k.Tenant && t.Database == k.Database && (t.Schema == k.Schema || k.State == reconcile.StateRetired)
		})
		if !again && !looked {
			out = append(out, k)
		}
	}
	return sorted(out)
}
