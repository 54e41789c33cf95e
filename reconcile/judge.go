package reconcile

import (
	"fmt"

	"tenantry/internal/diag"
	"tenantry/schema"
	"tenantry/state"
)

// collect turns classes and changes into the plan's steps and targets.
func (d *databasePlanner) collect(changes []Change, classes []*class) {
	of := make(map[*Change]*class)
	for _, c := range classes {
		for _, change := range c.changes {
			of[change] = c
		}
		if c.err == nil {
			d.plan.steps = append(d.plan.steps, c.step)
		}
	}
	for i := range changes {
		d.plan.targets = append(d.plan.targets, d.target(&changes[i], of[&changes[i]]))
	}
}

func (d *databasePlanner) target(c *Change, class *class) PlannedTarget {
	t := PlannedTarget{
		Tenant: c.Target.Tenant, Shared: c.Target.Shared, Database: c.Target.Database, Schema: c.Target.Schema,
		Action: c.Action, Reason: c.Reason, Wave: c.Target.Wave, Drift: []string{}, Diagnostics: []Diagnostic{}, token: c.Token,
	}
	if c.Target.Source.File != "" {
		t.Source = &c.Target.Source
	}
	if class == nil {
		if c.Action == ActionNone {
			t.as = recordAs(c)
		}
		return t
	}
	t.Drift = append(t.Drift, class.drift...)
	if class.err != nil {
		t.Diagnostics = append(t.Diagnostics, Diagnostic{
			File: c.Target.Source.File, Line: c.Target.Source.Line, Column: c.Target.Source.Column,
			Severity: diag.Error, Code: "cannot-plan", Message: fmt.Sprint(class.err),
		})
		return t
	}
	t.Step = class.step.ID
	d.judge(&t, c, &class.step)
	return t
}

// judge applies the policy to a target that has a step.
func (d *databasePlanner) judge(t *PlannedTarget, c *Change, step *Step) {
	lint := c.Target.Blueprint.Lint.DenyDestructive
	denied := d.desired.Policy.Destructive == state.DestructiveDeny && !d.AllowDestructive
	switch {
	case len(step.Statements) == 0 && len(step.Unplanned) > 0:
		t.Action, t.Reason = ActionBlocked, ReasonUnplanned
	case len(step.Statements) == 0:
		t.Action, t.Reason = ActionNone, ""
		t.as = recordAs(c)
	case c.Reason == ReasonFirstSeen && !d.Adopt && c.From != (schema.Fingerprint{}):
		t.Action = ActionBlocked
	case step.Destructive() && (lint || denied):
		t.Action, t.Reason = ActionBlocked, ReasonHazard
		if lint {
			t.Diagnostics = append(t.Diagnostics, Diagnostic{Severity: diag.Warning, Code: "lint-destructive", Message: "denied by the lint policy of atlas.hcl: destructive { error = true }"})
		}
	}
}

// recordAs returns what to record of a target that is as it should be, or nil
// where that is recorded already.
func recordAs(c *Change) *Record {
	r := Record{
		Tenant: c.Target.Tenant, Shared: c.Target.Shared, Schema: c.Target.Schema, Blueprint: c.Target.Blueprint.Digest,
		Fingerprint: c.From, Token: c.Token, Status: StatusApplied,
	}
	if c.Record != nil {
		r.AppliedAt, r.AttemptedAt, r.RunID = c.Record.AppliedAt, c.Record.AttemptedAt, c.Record.RunID
		if *c.Record == r {
			return nil
		}
	}
	return &r
}
