package ui

import (
	"net/http"
	"slices"
	"strings"

	"tenantry/internal/runbook"
	"tenantry/reconcile"
)

// provisionData is what the form that provisions a tenant shows.
type provisionData struct {
	ID, Name, Database string
	Services           []string
	Labels, Vars       string // a line each: key=value
	Choices            choices
	Plan               *planDocument // what it would do; nil before that was asked for
	Problem            *runbook.Problem
}

// Chosen reports whether a service was asked for.
func (d provisionData) Chosen(service string) bool { return slices.Contains(d.Services, service) }

func (p *Pages) provisionForm(w http.ResponseWriter, r *http.Request, v *view) error {
	return p.showProvision(v, w, http.StatusOK, &provisionData{Choices: p.choices()})
}

func (p *Pages) showProvision(v *view, w http.ResponseWriter, status int, d *provisionData) error {
	v.Title, v.Here, v.Data = "Provision a tenant", "provision", d
	return v.show(w, status, "provision")
}

// provision shows what a form asks for, and does it once that was seen.
func (p *Pages) provision(w http.ResponseWriter, r *http.Request, v *view) error {
	if err := r.ParseForm(); err != nil {
		return &runbook.Problem{Status: http.StatusBadRequest, Title: "The form did not arrive whole", Detail: err.Error()}
	}
	d := &provisionData{
		ID: strings.TrimSpace(r.PostForm.Get("id")), Name: strings.TrimSpace(r.PostForm.Get("name")), Database: r.PostForm.Get("database"),
		Services: r.PostForm["service"], Labels: r.PostForm.Get("labels"), Vars: r.PostForm.Get("vars"), Choices: p.choices(),
	}
	if r.PostForm.Get("step") == "edit" {
		return p.showProvision(v, w, http.StatusOK, d)
	}
	wish, err := d.wish()
	if err == nil && r.PostForm.Get("step") == "provision" {
		if _, err = v.send(http.MethodPut, nil, wish, "/tenants/%s", d.ID); err == nil {
			return p.redirect(w, r, "/tenants/"+d.ID+"?new=1")
		}
	} else if err == nil {
		d.Plan = new(planDocument)
		err = v.post(d.Plan, wish, "/tenants/%s/preview", d.ID)
	}
	if err != nil {
		d.Plan, d.Problem = nil, problemOf(err)
		return p.showProvision(v, w, d.Problem.Status, d)
	}
	return p.showProvision(v, w, http.StatusOK, d)
}

// wish is what the API is asked for. All services are what there is by default.
func (d *provisionData) wish() (runbook.Wish, error) {
	wish := runbook.Wish{Name: d.Name, Database: d.Database, Services: d.Services}
	if len(d.Services) == 0 || slices.Equal(d.Services, d.Choices.Services) {
		wish.Services = nil
	}
	if d.ID == "" {
		return wish, wrongForm("A tenant has an id.")
	}
	var err error
	if wish.Labels, err = pairs("label", d.Labels); err == nil {
		wish.Vars, err = pairs("variable", d.Vars)
	}
	return wish, err
}

func wrongForm(detail string) error {
	return &runbook.Problem{Status: http.StatusUnprocessableEntity, Title: "Something is missing", Detail: detail}
}

// pairs reads lines of key=value; nil where there are none.
func pairs(what, text string) (map[string]string, error) {
	var out map[string]string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return nil, wrongForm("A " + what + " is written as key=value, and not " + line)
		}
		if out == nil {
			out = make(map[string]string)
		}
		out[key] = strings.TrimSpace(value)
	}
	return out, nil
}

// planDocument is a plan, as the API has it.
type planDocument struct {
	ID          string                    `json:"plan_id"`
	Partial     bool                      `json:"partial"`
	Allowed     reconcile.Allowed         `json:"allowed"`
	Summary     reconcile.Summary         `json:"summary"`
	Steps       []reconcile.Step          `json:"steps"`
	Targets     []reconcile.PlannedTarget `json:"targets"`
	Refused     string                    `json:"refused"`
	Diagnostics []reconcile.Diagnostic    `json:"diagnostics"`
}

// plannedStep is a step with the targets that it is for.
type plannedStep struct {
	reconcile.Step
	Targets []reconcile.PlannedTarget
}

// mostNamed is how many targets of a step are named.
const mostNamed = 40

// Grouped are the steps with their targets.
func (d *planDocument) Grouped() []plannedStep {
	at := make(map[string]int)
	var out []plannedStep
	for _, s := range d.Steps {
		at[s.ID] = len(out)
		out = append(out, plannedStep{Step: s})
	}
	for _, t := range d.Targets {
		if i, ok := at[t.Step]; ok {
			out[i].Targets = append(out[i].Targets, t)
		}
	}
	return slices.DeleteFunc(out, func(s plannedStep) bool { return len(s.Targets) == 0 })
}

// Named are the first of the step's targets.
func (s plannedStep) Named() []reconcile.PlannedTarget {
	return s.Targets[:min(len(s.Targets), mostNamed)]
}

// More is how many targets are not named.
func (s plannedStep) More() int { return max(0, len(s.Targets)-mostNamed) }

// SQL is what the step runs: for one target with its names, for several as a
// template.
func (s plannedStep) SQL() string {
	var text strings.Builder
	for _, stmt := range s.Statements {
		sql := stmt.SQL
		if len(s.Targets) == 1 {
			sql = stmt.For(s.Targets[0].Schema)
		}
		text.WriteString(laidOut(sql) + ";\n")
	}
	return text.String()
}

// Without are the targets that no step is for and that are not as they should be.
func (d *planDocument) Without() []reconcile.PlannedTarget {
	return slices.DeleteFunc(slices.Clone(d.Targets), func(t reconcile.PlannedTarget) bool { return t.Step != "" || t.Action == reconcile.ActionNone })
}

// Work is how many targets an apply would do something about.
func (d *planDocument) Work() int {
	return d.Summary.Create + d.Summary.Change + d.Summary.Retire + d.Summary.Suspend
}
