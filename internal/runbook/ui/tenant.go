package ui

import (
	"html/template"
	"net/http"
	"slices"

	"tenantry/internal/runbook"
	"tenantry/reconcile"
	"tenantry/state"
)

// tenantData is what the page of a tenant shows.
type tenantData struct {
	runbook.Tenant
	Now      reconcile.State // as it is at this moment, where that was found out
	Schemas  []liveSchema
	SQL      string // what would bring it to its definition
	Changes  []reconcile.PastChange
	Problems []string // what could not be found out
}

// liveSchema is one of its schemas as it is.
type liveSchema struct {
	runbook.Schema
	Diff    *reconcile.Explanation
	Tables  []*table
	Others  []kindOf // what holds no rows, and types
	Diagram template.HTML
}

// Waiting reports whether something is about to become of the tenant by itself.
func (d tenantData) Waiting() bool {
	return d.Lifecycle != "" && (d.Now == reconcile.StateMissing || d.Now == reconcile.StateBehind) && d.Error == ""
}

// Differs reports whether it is not as it should be.
func (d tenantData) Differs() bool {
	for _, s := range d.Schemas {
		if s.Diff != nil && len(s.Diff.Differing) > 0 {
			return true
		}
	}
	return false
}

// Unexpected reports whether it has what it should not have.
func (d tenantData) Unexpected() bool {
	for _, s := range d.Schemas {
		if s.Diff != nil && slices.ContainsFunc(s.Diff.Differing, func(l reconcile.ExplainedLine) bool { return l.Problem == "unexpected" }) {
			return true
		}
	}
	return false
}

// tenant is the page of one tenant.
func (p *Pages) tenant(w http.ResponseWriter, r *http.Request, v *view) error {
	id := r.PathValue("id")
	var d tenantData
	switch err := v.get(&d.Tenant, "/tenants/%s", id); {
	case err == nil:
		d.Now = d.State
		p.look(v, &d)
	case r.URL.Query().Has("new") && problemOf(err).Status == http.StatusNotFound:
		d.Tenant = runbook.Tenant{ID: id, Lifecycle: state.Active} // it was just asked for, and the loop has not read that yet
		d.Now = reconcile.StateMissing
	default:
		return err
	}
	v.Title, v.Here, v.Data = id, "fleet", d
	return v.show(w, http.StatusOK, "tenant")
}

// look adds what is found out by asking the database. What cannot be found out is
// said, and the rest is shown.
func (p *Pages) look(v *view, d *tenantData) {
	trouble := func(what string, err error) {
		if err != nil {
			d.Problems = append(d.Problems, what+": "+problemOf(err).Detail)
		}
	}
	var live struct{ Schemas []runbook.LiveSchema }
	trouble("What it holds is not known", v.get(&live, "/tenants/%s/structure", d.ID))
	var diff struct{ Schemas []reconcile.Explanation }
	if d.Lifecycle != "" {
		trouble("Whether it is as it should be is not known", v.get(&diff, "/tenants/%s/diff", d.ID))
	}
	for _, s := range d.Tenant.Schemas {
		one := liveSchema{Schema: s}
		for i := range diff.Schemas {
			if e := &diff.Schemas[i]; e.Database == s.Database && e.Schema == s.Schema {
				one.Diff = e
				if e.State != "" && len(d.Tenant.Schemas) == 1 && d.State == reconcile.StateInSync {
					d.Now = e.State
				}
			}
		}
		for _, l := range live.Schemas {
			if l.Database == s.Database && l.Schema == s.Schema {
				one.Tables, one.Others = structureOf(l.Lines, one.Diff)
				one.Diagram = diagramOf(one.Tables)
			}
		}
		d.Schemas = append(d.Schemas, one)
	}
	if d.Differs() || d.Now == reconcile.StateBehind {
		trouble("What would mend it is not known", v.get(&d.SQL, "/tenants/%s/sql", d.ID))
	}
	var history struct{ Changes []reconcile.PastChange }
	trouble("What was done to it is not known", v.get(&history, "/tenants/%s/history?limit=20", d.ID))
	d.Changes = history.Changes
}

// act does something about a tenant, and leads to the run that it is done by.
func (p *Pages) act(w http.ResponseWriter, r *http.Request, v *view) error {
	id, action := r.PathValue("id"), r.PathValue("action")
	var body any
	switch action {
	case "suspend", "resume", "retire":
	case "reconcile":
		body = reconcile.Allowed{Destructive: r.PostFormValue("destructive") == "yes", Adopt: r.PostFormValue("adopt") == "yes"}
	default:
		return p.nowhere(w, r, v)
	}
	var run runbook.Run
	if err := v.post(&run, body, "/tenants/%s/%s", id, action); err != nil {
		return err
	}
	return p.redirect(w, r, "/runs/"+run.ID)
}
