package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"tenantry/internal/diag"
	"tenantry/schema"
	"tenantry/state"
)

// A Planner makes plans.
type Planner struct {
	Engine      schema.Engine
	Databases   map[string]Database // by the name that tenants.yaml gives them
	Workbench   func(ctx context.Context, db Database, dev string) (schema.Workbench, error)
	Nonce       func() string // see schema.Planner
	ToolVersion string
	Progress    func(Event) // may be nil; called from several goroutines

	AllowDestructive bool // let destructive statements be planned whatever the policy
	Adopt            bool // take over schemas that exist and were never managed
}

// An Event tells how far a run has come.
type Event struct {
	Phase    Phase
	Database string
	Target   *PlannedTarget // for PhaseApplied
	Outcome  *Outcome       // for PhaseApplied
	Done     int            // of Total, where Total is not 0
	Total    int
}

// Phase is a part of a run.
type Phase string

const (
	PhaseObserving Phase = "observing"
	PhaseCompiling Phase = "compiling"
	PhasePlanning  Phase = "planning"
	PhaseApplied   Phase = "applied"
)

// Plan observes every database that has targets and plans, once per class. An
// error is a diag.List where a definition is wrong, else what kept a database
// from being read. A class that cannot be planned is no error: its targets
// carry the reason.
func (p *Planner) Plan(ctx context.Context, desired *Desired) (*Plan, error) {
	names := desired.Databases()
	parts := make([]*databasePlan, len(names))
	group, ctx := errgroup.WithContext(ctx)
	for i, name := range names {
		group.Go(func() error {
			part, err := p.planDatabase(ctx, desired, p.Databases[name])
			parts[i] = part
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	plan := &Plan{
		ToolVersion: p.ToolVersion, Partial: desired.Partial, Desired: DesiredID{Revision: desired.Revision, Digest: desired.Digest},
		Steps: []Step{}, Targets: []PlannedTarget{}, Diagnostics: []Diagnostic{}, compiled: make(map[string][]*schema.Compiled),
	}
	seen := make(map[string]bool)
	for i, part := range parts {
		plan.Targets = append(plan.Targets, part.targets...)
		plan.compiled[names[i]] = part.fresh
		for _, s := range part.steps {
			if !seen[s.ID] {
				seen[s.ID] = true
				plan.Steps = append(plan.Steps, s)
			}
		}
	}
	plan.finish()
	return plan, nil
}

// databasePlan is one database's part of a plan.
type databasePlan struct {
	steps   []Step
	targets []PlannedTarget
	fresh   []*schema.Compiled // compiled in this run, to be stored by an apply
}

func (p *Planner) planDatabase(ctx context.Context, desired *Desired, db Database) (*databasePlan, error) {
	d := &databasePlanner{Planner: p, db: db, desired: desired, plan: &databasePlan{}}
	if err := d.observe(ctx); err != nil {
		return nil, err
	}
	if err := d.compile(ctx); err != nil {
		return nil, err
	}
	changes := Diff(desired, db.Name(), d.fingerprints, d.observed)
	classes := d.classify(changes)
	if err := d.planClasses(ctx, classes); err != nil {
		return nil, err
	}
	d.collect(changes, classes)
	return d.plan, nil
}

// databasePlanner plans for one database.
type databasePlanner struct {
	*Planner
	db      Database
	desired *Desired
	plan    *databasePlan

	observed     *Observed
	planners     map[string]*schema.Planner // by dev URL
	compiled     map[string]*schema.Compiled
	fingerprints map[string]schema.Fingerprint
	broken       map[string]error // digests of blueprints that do not compile
}

func (d *databasePlanner) observe(ctx context.Context) (err error) {
	d.report(Event{Phase: PhaseObserving})
	var schemas []string
	for _, t := range d.desired.Targets {
		if t.Database == d.db.Name() {
			schemas = append(schemas, t.Schema)
		}
	}
	d.observed, err = d.db.Observe(ctx, schemas)
	return err
}

func (d *databasePlanner) report(e Event) {
	e.Database = d.db.Name()
	if d.Progress != nil {
		d.Progress(e)
	}
}

// loadCompiled loads what was compiled before of the desired blueprints, and of
// those that schemas were last brought to.
func (d *databasePlanner) loadCompiled(ctx context.Context) error {
	d.compiled, d.fingerprints = make(map[string]*schema.Compiled), make(map[string]schema.Fingerprint)
	if !d.observed.Managed {
		return nil
	}
	digests := make(map[string]bool)
	for _, b := range d.desired.Blueprints(d.db.Name()) {
		digests[b.Digest] = true
	}
	for _, r := range d.observed.Records {
		digests[r.Blueprint] = true
	}
	stored, err := d.db.Compiled(ctx, d.Engine.Version(), slices.Sorted(maps.Keys(digests)))
	for _, c := range stored {
		d.compiled[c.Digest], d.fingerprints[c.Digest] = c, c.Fingerprint
	}
	return err
}

// compile makes sure of every desired blueprint.
func (d *databasePlanner) compile(ctx context.Context) error {
	if err := d.loadCompiled(ctx); err != nil {
		return err
	}
	d.broken, d.planners = make(map[string]error), make(map[string]*schema.Planner)
	for _, b := range d.desired.Blueprints(d.db.Name()) {
		if err := d.compileOne(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (d *databasePlanner) compileOne(ctx context.Context, b *schema.Blueprint) error {
	planner := d.planner(b)
	c, known := d.compiled[b.Digest]
	if !known {
		d.report(Event{Phase: PhaseCompiling})
		var err error
		c, err = planner.Compile(ctx, b)
		var wrong diag.List
		switch {
		case errors.As(err, &wrong):
			return wrong
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			d.broken[b.Digest] = err
			return nil
		}
		d.compiled[b.Digest] = c
		d.plan.fresh = append(d.plan.fresh, c)
	}
	d.fingerprints[b.Digest] = c.Fingerprint
	return nil
}

// planner returns the planner whose workbench is where the blueprint wants it.
// Those of all desired blueprints are there once they are compiled.
func (d *databasePlanner) planner(b *schema.Blueprint) *schema.Planner {
	if p, ok := d.planners[b.Dev]; ok {
		return p
	}
	p := &schema.Planner{Engine: d.Engine, Nonce: d.Nonce, Workbench: func(ctx context.Context) (schema.Workbench, error) {
		return d.Workbench(ctx, d.db, b.Dev)
	}}
	for _, c := range d.compiled {
		p.Remember(c)
	}
	d.planners[b.Dev] = p
	return p
}

// A class is the targets that share a live structure and a blueprint, and so a
// step.
type class struct {
	changes []*Change
	step    Step
	drift   []string
	err     error
}

func (c *class) first() *Change { return c.changes[0] }

// classify groups the changes, in the order of each class's first target.
func (d *databasePlanner) classify(changes []Change) []*class {
	type key struct {
		from        schema.Fingerprint
		exists      bool
		blueprint   string
		made        string
		lastApplied schema.Fingerprint
	}
	var classes []*class
	byKey := make(map[key]*class)
	for i := range changes {
		c := &changes[i]
		if c.Action != ActionCreate && c.Action != ActionChange {
			continue
		}
		k := key{from: c.From, exists: c.Exists, blueprint: c.Target.Blueprint.Digest}
		if c.Record != nil && c.Exists {
			k.made, k.lastApplied = c.Record.Blueprint, c.Record.Fingerprint
		}
		if byKey[k] == nil {
			byKey[k] = &class{}
			classes = append(classes, byKey[k])
		}
		byKey[k].changes = append(byKey[k].changes, c)
	}
	return classes
}

// planClasses plans every class, a few at once. What keeps one from being
// planned is that class's own.
func (d *databasePlanner) planClasses(ctx context.Context, classes []*class) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, d.desired.Policy.Parallelism))
	for _, c := range classes {
		group.Go(func() error {
			d.report(Event{Phase: PhasePlanning})
			c.err = d.planClass(ctx, c)
			return ctx.Err()
		})
	}
	return group.Wait()
}

func (d *databasePlanner) planClass(ctx context.Context, c *class) error {
	change := c.first()
	b := change.Target.Blueprint
	if err := d.broken[b.Digest]; err != nil {
		return err
	}
	to := d.compiled[b.Digest]
	c.step = Step{Action: change.Action, Blueprint: b.Digest, Unplanned: []string{}, Kept: []string{}, Unmanaged: []string{}}
	defer c.step.identify()
	if !change.Exists {
		c.step.To, c.step.Statements = to.Fingerprint.String(), to.Statements()
		return nil
	}
	from, err := d.lines(ctx, change)
	if err != nil {
		return err
	}
	var made []schema.Line
	if change.Record != nil && d.compiled[change.Record.Blueprint] != nil {
		made = d.compiled[change.Record.Blueprint].Lines
	}
	if change.Reason == ReasonDrifted {
		c.drift = driftOf(from, made, to.Lines)
	}
	transition, err := d.planner(b).Plan(ctx, b, from, made)
	if err != nil {
		return err
	}
	c.step.From, c.step.To, c.step.Statements = change.From.String(), transition.To.String(), transition.Statements
	for _, u := range transition.Unplanned {
		c.step.Unplanned = append(c.step.Unplanned, u.String())
	}
	for _, k := range transition.Kept {
		c.step.Kept = append(c.step.Kept, k.String())
	}
	for _, u := range transition.Unmanaged {
		c.step.Unmanaged = append(c.step.Unmanaged, u.String())
	}
	return nil
}

// lines returns what a class's schemas hold: known where its fingerprint is
// that of a blueprint compiled before, else read from one of them.
func (d *databasePlanner) lines(ctx context.Context, c *Change) ([]schema.Line, error) {
	for _, known := range d.compiled {
		if known.Fingerprint == c.From {
			return known.Lines, nil
		}
	}
	lines, err := d.db.Lines(ctx, c.Target.Schema)
	if err == nil && schema.FingerprintOf(lines) != c.From {
		return nil, &StaleError{Key: c.Target.Key}
	}
	return lines, err
}

// driftOf says how a schema differs from what it was left as; where that is not
// known any more, from what it should be.
func driftOf(live, made, want []schema.Line) []string {
	if made == nil {
		made = want
	}
	var out []string
	for _, d := range schema.Differences(live, made) {
		out = append(out, d.String())
	}
	return out
}

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
		Action: c.Action, Reason: c.Reason, Wave: c.Target.Wave, Drift: []string{}, Diagnostics: []Diagnostic{},
	}
	if c.Target.Source.File != "" {
		t.Source = &c.Target.Source
	}
	switch {
	case class == nil:
		if c.Action == ActionNone {
			t.as = recordAs(c)
		}
		return t
	case class.err != nil:
		t.Diagnostics = append(t.Diagnostics, Diagnostic{
			File: c.Target.Source.File, Line: c.Target.Source.Line, Column: c.Target.Source.Column,
			Severity: diag.Error, Code: "cannot-plan", Message: fmt.Sprint(class.err),
		})
		return t
	}
	t.Step, t.Drift = class.step.ID, append(t.Drift, class.drift...)
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
