package ui

import (
	"net/http"
	"strings"

	"tenantry/internal/runbook"
)

// planData is what the pages of plans show.
type planData struct {
	Plan    *planDocument // nil before one was asked for
	Tenants string
}

func (p *Pages) planForm(w http.ResponseWriter, r *http.Request, v *view) error {
	v.Title, v.Here, v.Data = "Plan", "plan", planData{Tenants: strings.Join(r.URL.Query()["tenant"], " ")}
	return v.show(w, http.StatusOK, "plan")
}

// makePlan plans what a form asks for, and leads to the plan.
func (p *Pages) makePlan(w http.ResponseWriter, r *http.Request, v *view) error {
	split := func(c rune) bool { return c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t' }
	wish := runbook.PlanWish{
		Tenants: strings.FieldsFunc(r.PostFormValue("tenants"), split), Destructive: r.PostFormValue("destructive") == "yes", Adopt: r.PostFormValue("adopt") == "yes",
	}
	var plan planDocument
	if err := v.post(&plan, wish, "/plans"); err != nil {
		return err
	}
	return p.redirect(w, r, "/plans/"+plan.ID)
}

func (p *Pages) plan(w http.ResponseWriter, r *http.Request, v *view) error {
	var plan planDocument
	if err := v.get(&plan, "/plans/%s", r.PathValue("id")); err != nil {
		return err
	}
	v.Title, v.Here, v.Data = "Plan", "plan", planData{Plan: &plan}
	return v.show(w, http.StatusOK, "plan")
}

func (p *Pages) applyPlan(w http.ResponseWriter, r *http.Request, v *view) error {
	var run runbook.Run
	if err := v.post(&run, nil, "/plans/%s/apply", r.PathValue("id")); err != nil {
		return err
	}
	return p.redirect(w, r, "/runs/"+run.ID)
}
