package reconcile

import (
	"fmt"
	"time"

	"tenantry/internal/diag"
	"tenantry/schema"
	"tenantry/state"
)

// collect turns classes and changes into the plan's steps and targets.
func (d *databasePlanner) collect(changes []Change, classes []*class) {
	type place struct {
		class *class
		i     int
	}
	of := make(map[*Change]place)
	for _, c := range classes {
		used := make(map[*Step]bool)
		for i, change := range c.changes {
			of[change] = place{c, i}
			used[c.stepFor(i)] = true
		}
		for _, step := range []*Step{&c.step, c.online} {
			if c.err == nil && used[step] {
				d.plan.steps = append(d.plan.steps, *step)
			}
		}
	}
	for i := range changes {
		at := of[&changes[i]]
		d.plan.targets = append(d.plan.targets, d.target(&changes[i], at.class, at.i))
	}
}

func (d *databasePlanner) target(c *Change, class *class, i int) PlannedTarget {
	t := PlannedTarget{
		Tenant: c.Target.Tenant, Shared: c.Target.Shared, Database: c.Target.Database, Schema: c.Target.Schema,
		Action: c.Action, Reason: c.Reason, Wave: c.Target.Wave, Drift: []string{}, Diagnostics: []Diagnostic{}, token: c.Token,
		settled: c.Record != nil && c.Record.Token == c.Token && c.Record.Fingerprint == c.From,
	}
	t.names, t.history = c.names(d.observed), c.History
	if c.Target.Source.File != "" {
		t.Source = &c.Target.Source
	}
	t.live = c.Exists && (c.Record == nil || c.Record.Home == "")
	if r := c.Record; r != nil {
		t.recorded = r.Home == ""
		t.gone = c.Action == ActionOrphaned && !r.Gone
	}
	t.Diagnostics = append(t.Diagnostics, c.notes...)
	d.place(&t, c)
	if class == nil {
		d.settle(&t, c)
		return t
	}
	t.Drift = append(t.Drift, class.drift...)
	if class.err != nil {
		at, ok := schema.PlaceOf(class.err)
		if !ok {
			at = c.Target.Source
		}
		t.Diagnostics = append(t.Diagnostics, Diagnostic{
			File: at.File, Line: at.Line, Column: at.Column,
			Severity: diag.Error, Code: "cannot-plan", Message: fmt.Sprint(class.err),
		})
		return t
	}
	step := class.stepFor(i)
	t.Step = step.ID
	t.next = c.next(step)
	t.access, t.wanted, t.login = c.Access.digest, c.Access.wanted, c.Access.login
	d.judge(&t, c, step)
	t.foresee(class.asked[i].fails)
	return t
}

// place says what the target's schema is called before and after.
func (d *databasePlanner) place(t *PlannedTarget, c *Change) {
	if c.Exists && c.Action != ActionOrphaned && c.At != t.Schema {
		t.FromSchema = c.At
	}
	t.Role, t.FromRole = c.Access.role, c.Access.fromRole
	switch {
	case c.Action == ActionRetire:
		t.ToSchema = retiredName(t.Schema, d.today)
	case c.Record != nil && c.Record.Home != "" && !c.Action.changes():
		t.ToSchema = c.At // it stays where it is
	}
}

// settle says what to record of a target that has no step.
func (d *databasePlanner) settle(t *PlannedTarget, c *Change) {
	switch {
	case c.Action == ActionForget && c.protected():
		t.Action, t.Reason = ActionBlocked, ReasonProtected
		t.as = c.lifted()
	case c.Action == ActionForget:
		t.forget = c.Record.Schema
	case c.Action == ActionNone && c.Record == nil && !c.Exists:
		// Nothing is known of it, and nothing is to be.
	case c.Action == ActionNone && c.Target.Forget:
	case c.Action == ActionNone:
		t.as = recordAs(c, c.foundAs())
	case t.gone:
		gone := *c.Record
		gone.Gone = true
		t.as = &gone
	}
}

// judge applies the policy to a target that has a step.
func (d *databasePlanner) judge(t *PlannedTarget, c *Change, step *Step) {
	var lint schema.HazardCode
	if c.Action.migrates() {
		lint = step.denied(c.Target.Blueprint.Lint)
	}
	policy := d.desired.Policy.Destructive
	denied := (policy == state.DestructiveDeny || policy == state.DestructiveIfEmpty && step.unseen()) && !d.AllowDestructive
	switch {
	case len(step.Statements) == 0 && len(step.Unplanned) > 0:
		t.Action, t.Reason = ActionBlocked, ReasonUnplanned
	case len(step.Statements) == 0 && c.Action == ActionChange:
		t.Action, t.Reason = ActionNone, ""
		status := StatusApplied
		if step.reprinted {
			status = StatusSame
		}
		t.as, t.learned = recordAs(c, status), step.Files
	case c.Reason == ReasonFirstSeen && !d.desired.Adopt && !c.Target.Adopt && !c.Target.Moved && c.From != (schema.Fingerprint{}):
		t.Action = ActionBlocked
	case c.Reason == ReasonDrifted && d.desired.Policy.Drift == state.DriftReport:
		t.Action = ActionBlocked
		t.Diagnostics = append(t.Diagnostics, Diagnostic{Severity: diag.Warning, Code: "drift-reported", Message: "it is not as it was left, and left so by policy.drift: report"})
	case c.protected() && (c.Action == ActionRetire || step.Destructive()):
		t.Action, t.Reason = ActionBlocked, ReasonProtected
		t.as = c.lifted()
	case lint != "" || step.Destructive() && denied:
		t.Action, t.Reason = ActionBlocked, ReasonHazard
		if lint != "" {
			t.Diagnostics = append(t.Diagnostics, Diagnostic{Severity: diag.Warning, Code: "lint-" + string(lint), Message: "denied by the lint policy of atlas.hcl: " + schema.LintBlock(lint) + " { error = true }"})
		}
	}
}

// denied returns the first hazard of the step that the lint policy allows nobody
// to run, or "".
func (s *Step) denied(lint schema.LintPolicy) schema.HazardCode {
	for _, code := range lint.Deny {
		for _, stmt := range s.Statements {
			if stmt.Has(code) {
				return code
			}
		}
	}
	return ""
}

// recordAs returns what to record of a target that is as it should be, or nil
// where that is recorded already.
func recordAs(c *Change, status Status) *Record {
	r := c.described()
	switch {
	case c.Record != nil && c.Record.Home != "": // retired, and left alone
	default:
		r.Blueprint, r.Fingerprint, r.Token, r.Status, r.Error = c.Target.Blueprint.Digest, c.From, c.Token, status, ""
		c.Access.record(&r, c.Access.right || !c.grantsMoved())
	}
	if c.Record != nil && *c.Record == r {
		return nil
	}
	return &r
}

// described returns the target's record with what the file says of the tenant.
func (c *Change) described() Record {
	r := Record{Schema: c.Target.Schema, Status: StatusApplied, State: StandingActive}
	if c.Record != nil {
		r = *c.Record
	}
	r.Tenant, r.Shared, r.Name, r.Database, r.Labels = c.Target.Tenant, c.Target.Shared, c.Target.Name, c.Target.Database, labelsJSON(c.Target.Labels)
	r.Protected, r.Gone = c.keepsProtection(), false
	return r
}

// next returns the record of the target once its step is done. Its schema's
// name, fingerprint and times are taken from what comes out.
func (c *Change) next(step *Step) Record {
	r := c.described()
	r.Error = ""
	c.Access.record(&r, false)
	if c.Action == ActionRetire {
		r.Home, r.State = c.Target.Schema, StandingRetired
		return r
	}
	r.Schema, r.Home, r.RetiredAt, r.State = c.Target.Schema, "", time.Time{}, StandingActive
	if c.Target.wish() == WishSuspended {
		r.State = StandingSuspended
	}
	r.Blueprint, r.Status = step.Blueprint, StatusApplied
	if len(step.Unplanned) > 0 {
		r.Status = StatusPartly
	}
	return r
}

// lifted returns what to record of a target that its protection keeps from
// something, where the file lifts that from now on; otherwise nil.
func (c *Change) lifted() *Record {
	if c.Record == nil || c.keepsProtection() == c.Record.Protected {
		return nil
	}
	r := *c.Record
	r.Protected = c.keepsProtection()
	return &r
}
