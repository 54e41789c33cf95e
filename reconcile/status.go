package reconcile

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"tenantry/schema"
)

// A Fleet is the fleet as it is.
type Fleet struct {
	FormatVersion string         `json:"format_version"`
	Partial       bool           `json:"partial"`
	Summary       map[State]int  `json:"summary"` // targets by state
	Targets       []TargetStatus `json:"targets"`
}

// A TargetStatus is one live schema as it is.
type TargetStatus struct {
	Tenant      string     `json:"tenant"`
	Shared      bool       `json:"shared,omitempty"`
	Database    string     `json:"database"`
	Schema      string     `json:"schema"`
	State       State      `json:"state"`
	Fingerprint string     `json:"fingerprint,omitempty"` // of what is there
	Blueprint   string     `json:"blueprint,omitempty"`   // the digest that it was last brought to
	Wanted      string     `json:"wanted,omitempty"`      // the digest that it should be brought to
	RetiredAt   *time.Time `json:"retired_at,omitempty"`
	AppliedAt   *time.Time `json:"applied_at,omitempty"`
	AttemptedAt *time.Time `json:"attempted_at,omitempty"`
	RunID       string     `json:"run_id,omitempty"`
	Error       string     `json:"error,omitempty"`  // of the last attempt, or why there is none
	Worker      string     `json:"worker,omitempty"` // of Citus, that has the schema

	Conditions []Condition `json:"conditions"` // Ready, Reconciling and Stalled, in that order
}

// A Condition is one statement about a target, in the form that Kubernetes made
// common: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md.
type Condition struct {
	Type    ConditionType `json:"type"`
	Status  bool          `json:"status"`
	Reason  State         `json:"reason"`
	Message string        `json:"message"`
}

// ConditionType is what a condition is about.
type ConditionType string

const (
	ConditionReady       ConditionType = "Ready"       // it is as it should be
	ConditionReconciling ConditionType = "Reconciling" // the next run has something to do about it
	ConditionStalled     ConditionType = "Stalled"     // the last attempt failed, or none is made, and so may the next
)

// conditionsOf says of a target what programs ask first.
func conditionsOf(t *TargetStatus) []Condition {
	message := stateMessages[t.State]
	ready := t.State == StateInSync || t.State == StateSuspended || t.State == StateRetired
	stalled := t.State == StateFailing || t.State == StateUnreachable || t.State == StateRefused
	if stalled {
		message = t.Error
	}
	working := !ready && t.State != StateUnknown && t.State != StateOrphaned && t.State != StateRefused
	return []Condition{
		{ConditionReady, ready, t.State, message},
		{ConditionReconciling, working, t.State, message},
		{ConditionStalled, stalled, t.State, message},
	}
}

var stateMessages = map[State]string{
	StateInSync:    "it is as it should be",
	StateBehind:    "its definition has changed since it was last brought to it",
	StateDrifted:   "it is not as it was left",
	StateMissing:   "there is no such schema yet",
	StateUnknown:   "it is there and was never managed; take it over with --adopt",
	StateOrphaned:  "it was managed, and is no longer in the file",
	StateSuspended: "nobody may use it, and it is as it should be",
	StateRetired:   "it was put aside, and is kept until it is purged",
}

// State is how a target stands to its blueprint.
type State string

const (
	StateInSync    State = "in_sync"   // it is as it should be
	StateBehind    State = "behind"    // its definition has changed since it was last brought to it
	StateDrifted   State = "drifted"   // it is not as it was left
	StateFailing   State = "failing"   // the last attempt on it failed
	StateMissing   State = "missing"   // there is no such schema
	StateUnknown   State = "unknown"   // it is there and was never managed
	StateOrphaned  State = "orphaned"  // it was managed, and no file asks for it
	StateSuspended State = "suspended" // nobody may use it, as the file says, and it is as it should be
	StateRetired   State = "retired"   // it was put aside, as the file says

	StateUnreachable State = "unreachable" // its database cannot be read, so nobody knows
	StateRefused     State = "refused"     // it is on record in another database, and so not made in this one
)

// Status says how the fleet is. It reads, and needs no workbench: a blueprint
// that was never compiled is one that nothing can be in sync with.
func (p *Planner) Status(ctx context.Context, desired *Desired) (*Fleet, error) {
	if err := p.settle(ctx, desired); err != nil {
		return nil, err
	}
	fleet := &Fleet{FormatVersion: FormatVersion, Partial: desired.Partial, Targets: []TargetStatus{}}
	names := p.names(desired)
	parts := make([][]TargetStatus, len(names))
	lost := make([]error, len(names))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, name := range names {
		group.Go(func() error {
			defer p.Databases[name].Rest()
			if parts[i], lost[i] = p.statusIn(ctx, desired, name); lost[i] != nil {
				parts[i] = unreachableIn(desired, name, lost[i])
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := p.allLost(lost); err != nil {
		return nil, err
	}
	fleet.Targets = slices.Concat(append([][]TargetStatus{fleet.Targets}, parts...)...)
	refused := make(map[string]bool)
	for _, t := range fleet.Targets {
		refused[t.Tenant] = refused[t.Tenant] || t.State == StateRefused
	}
	fleet.Only(func(t *TargetStatus) bool { return t.State != StateOrphaned || !refused[t.Tenant] }) // see keepElsewhere
	return fleet, nil
}

// statusIn says how one database's targets are.
func (p *Planner) statusIn(ctx context.Context, desired *Desired, name string) (out []TargetStatus, err error) {
	d := p.of(desired, p.Databases[name])
	if err := d.observe(ctx); err != nil {
		return nil, err
	}
	if err := d.loadCompiled(ctx); err != nil {
		return nil, err
	}
	changes := Diff(d.desired, name, d.fingerprints, d.observed)
	if err := d.lookElsewhere(ctx, changes); err != nil {
		return nil, err
	}
	if err := d.distribute(changes); err != nil {
		return nil, err
	}
	if err := d.lookAtGrants(ctx, changes); err != nil {
		return nil, err
	}
	for _, c := range changes {
		t := statusOf(&c)
		if d.observed.Citus != nil {
			t.Worker = d.observed.Citus.Schemas[c.At]
		}
		t.Conditions = conditionsOf(&t)
		out = append(out, t)
	}
	return out, nil
}

// unreachableIn is statusIn where the database cannot be read.
func unreachableIn(desired *Desired, name string, reason error) (out []TargetStatus) {
	for _, target := range desired.Targets {
		if target.Database == name {
			t := TargetStatus{
				Tenant: target.Tenant, Shared: target.Shared, Database: name, Schema: target.Schema, State: StateUnreachable,
				Wanted: target.Blueprint.Digest, Error: reason.Error(),
			}
			t.Conditions = conditionsOf(&t)
			out = append(out, t)
		}
	}
	return out
}

// Only keeps the targets asked for, and counts them.
func (f *Fleet) Only(asked func(*TargetStatus) bool) {
	f.Targets = slices.DeleteFunc(f.Targets, func(t TargetStatus) bool { return !asked(&t) })
	f.Summary = make(map[State]int)
	for _, t := range f.Targets {
		f.Summary[t.State]++
	}
}

func statusOf(c *Change) TargetStatus {
	t := TargetStatus{Tenant: c.Target.Tenant, Shared: c.Target.Shared, Database: c.Target.Database, Schema: c.At, State: stateOf(c)}
	if !c.Exists {
		t.Schema = c.Target.Schema
	}
	if c.Target.Blueprint != nil {
		t.Wanted = c.Target.Blueprint.Digest
	}
	if c.Exists && c.From != (schema.Fingerprint{}) {
		t.Fingerprint = c.From.String()
	}
	if t.State == StateRefused {
		t.Error = c.refusal()
	}
	if r := c.Record; r != nil {
		t.Blueprint, t.RunID, t.AttemptedAt = r.Blueprint, r.RunID, &r.AttemptedAt
		if t.State != StateInSync && t.State != StateSuspended && t.State != StateRetired {
			t.Error = r.Error
		}
		if !r.RetiredAt.IsZero() {
			t.RetiredAt = &r.RetiredAt
		}
		if !r.AppliedAt.IsZero() {
			t.AppliedAt = &r.AppliedAt
		}
	}
	return t
}

func stateOf(c *Change) State {
	switch {
	case c.Action == ActionOrphaned:
		return StateOrphaned
	case c.Reason == ReasonElsewhere:
		return StateRefused
	case c.Action == ActionNone && c.Record != nil && c.Record.Home != "":
		return StateRetired
	case c.Action == ActionNone && c.Record != nil && c.Record.State == StandingSuspended:
		return StateSuspended
	case c.Action == ActionNone:
		return StateInSync
	case c.Record != nil && (c.Record.Status == StatusFailed || c.Record.Status == StatusBetween && c.Record.Error != ""):
		return StateFailing
	case c.Action == ActionCreate:
		return StateMissing
	case c.Reason == ReasonFirstSeen:
		return StateUnknown
	case c.Reason == ReasonDrifted:
		return StateDrifted
	}
	return StateBehind
}

// An Explanation compares one live schema with its blueprint, object by object.
type Explanation struct {
	Tenant    string              `json:"tenant"`
	Shared    bool                `json:"shared,omitempty"`
	Database  string              `json:"database"`
	Schema    string              `json:"schema"`
	State     State               `json:"state"`
	Differing []ExplainedLine     `json:"differences"`
	Kept      []ExplainedLine     `json:"kept"`
	Unmanaged []string            `json:"unmanaged"`
	Objects   map[schema.Kind]int `json:"objects"` // how many of each kind the live schema holds
}

// An ExplainedLine is one object that is not as it should be.
type ExplainedLine struct {
	Kind    schema.Kind `json:"kind"`
	Table   string      `json:"table,omitempty"`
	Name    string      `json:"name"`
	Problem string      `json:"problem"` // missing, unexpected or different
	Live    string      `json:"live,omitempty"`
	Wanted  string      `json:"wanted,omitempty"`
	Summary string      `json:"summary"` // all of it in a line
}

// Explain compares each target with its blueprint, which it compiles where that
// was never done. What could be explained is there beside an error too.
func (p *Planner) Explain(ctx context.Context, desired *Desired) ([]Explanation, error) {
	if err := p.settle(ctx, desired); err != nil {
		return nil, err
	}
	out := []Explanation{}
	var lost error
	for _, name := range desired.Databases() {
		explained, err := p.explainIn(ctx, desired, name)
		out = append(out, explained...)
		lost = errors.Join(lost, err) // which is no matter of the other databases
	}
	return out, lost
}

// explainIn compares the targets of one database.
func (p *Planner) explainIn(ctx context.Context, desired *Desired, name string) (out []Explanation, err error) {
	d := p.of(desired, p.Databases[name])
	if err := d.observe(ctx); err != nil {
		return nil, err
	}
	if err := d.compile(ctx); err != nil {
		return nil, err
	}
	for _, c := range Diff(d.desired, name, d.fingerprints, d.observed) {
		if c.Action == ActionOrphaned || c.Record != nil && c.Record.Home != "" {
			continue
		}
		e, err := d.explain(ctx, &c)
		if err != nil {
			return out, err
		}
		out = append(out, e)
	}
	return out, nil
}

func (d *databasePlanner) explain(ctx context.Context, c *Change) (Explanation, error) {
	e := Explanation{
		Tenant: c.Target.Tenant, Shared: c.Target.Shared, Database: c.Target.Database, Schema: c.Target.Schema, State: stateOf(c),
		Differing: []ExplainedLine{}, Kept: []ExplainedLine{}, Unmanaged: []string{}, Objects: make(map[schema.Kind]int),
	}
	if err := d.broken[c.Target.Blueprint.Digest]; err != nil {
		return e, err
	}
	if !c.Exists {
		return e, nil
	}
	lines, err := d.db.Lines(ctx, c.At)
	if err != nil {
		return e, err
	}
	for _, l := range lines {
		e.Objects[l.Kind]++
	}
	var made []schema.Line
	if c.Record != nil && d.compiled[c.Record.Blueprint] != nil {
		made = d.compiled[c.Record.Blueprint].Lines
	}
	compared := c.Target.Blueprint.Compare(lines, d.compiled[c.Target.Blueprint.Digest].Lines, made)
	for _, x := range compared.Differing {
		e.Differing = append(e.Differing, explainLine(x))
	}
	for _, x := range compared.Kept {
		e.Kept = append(e.Kept, explainLine(x))
	}
	for _, u := range compared.Unmanaged {
		e.Unmanaged = append(e.Unmanaged, u.String())
	}
	if len(e.Differing) == 0 && e.State != StateInSync {
		e.State = StateInSync // what differs is kept, or not ours
	}
	return e, nil
}

func explainLine(d schema.Difference) ExplainedLine {
	problem := "different"
	switch {
	case d.Missing:
		problem = "missing"
	case d.Unexpected:
		problem = "unexpected"
	}
	return ExplainedLine{Kind: d.Kind, Table: d.Table, Name: d.Name, Problem: problem, Live: d.Have, Wanted: d.Want, Summary: d.String()}
}
