package runbook

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"tenantry/internal/diag"
	"tenantry/internal/loop"
	"tenantry/reconcile"
	"tenantry/state"
)

// Tenant is a tenant as the API shows it.
type Tenant struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	State     reconcile.State   `json:"state"`     // the worst of its schemas'
	Lifecycle state.TenantState `json:"lifecycle"` // what is to become of it, as the file says; "" where no file asks for it any more
	Ready     bool              `json:"ready"`     // it may be used
	Services  []string          `json:"services"`
	Database  string            `json:"database"`
	Labels    map[string]string `json:"labels"`
	Vars      map[string]string `json:"vars"`
	Schemas   []Schema          `json:"schemas"`
	Error     string            `json:"error,omitempty"` // of the last attempt on any of its schemas
	Source    *diag.Pos         `json:"source,omitempty"`
}

// Schema is one live schema of a tenant.
type Schema struct {
	Database   string                `json:"database"`
	Schema     string                `json:"schema"`
	State      reconcile.State       `json:"state"`
	Blocked    string                `json:"blocked,omitempty"` // why it may not become what it should be
	AppliedAt  *time.Time            `json:"applied_at,omitempty"`
	RunID      string                `json:"run_id,omitempty"`
	Error      string                `json:"error,omitempty"`
	Conditions []reconcile.Condition `json:"conditions"`
}

// show returns a tenant as the API shows it.
func show(t *loop.Tenant) Tenant {
	out := Tenant{ID: t.ID, State: t.State(), Services: []string{}, Labels: map[string]string{}, Vars: map[string]string{}, Schemas: []Schema{}}
	if d := t.Defined; d != nil {
		out.Name, out.Database, out.Lifecycle, out.Source = d.Name, d.Database, cmp.Or(d.State, state.Active), &d.Pos
		out.Services = append(out.Services, d.Services...)
		maps.Copy(out.Labels, d.Labels)
		maps.Copy(out.Vars, d.Vars)
	}
	for _, s := range t.Schemas {
		conditions := s.Conditions
		if conditions == nil {
			conditions = []reconcile.Condition{}
		}
		out.Schemas = append(out.Schemas, Schema{
			Database: s.Database, Schema: s.Schema, State: s.State, Blocked: s.Blocked, AppliedAt: s.AppliedAt, RunID: s.RunID, Error: s.Error, Conditions: conditions,
		})
		if s.Error != "" && out.Error == "" {
			out.Error = s.Error
		}
		if out.Database == "" {
			out.Database = s.Database
		}
	}
	out.Ready = t.Defined != nil && out.State == reconcile.StateInSync && out.Lifecycle == state.Active
	return out
}

func showAll(tenants []*loop.Tenant) []Tenant {
	out := make([]Tenant, 0, len(tenants))
	for _, t := range tenants {
		out = append(out, show(t))
	}
	return slices.Clip(out)
}
