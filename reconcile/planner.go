package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"tenantry/internal/diag"
	"tenantry/schema"
)

// A Planner makes plans.
type Planner struct {
	Engine      schema.Engine
	Databases   map[string]Database // by the name that tenants.yaml gives them
	Workbench   func(ctx context.Context, db Database, dev string) (schema.Workbench, error)
	Nonce       func() string // see schema.Planner
	ToolVersion string
	Progress    func(Event) // may be nil; called from several goroutines

	// Own calls look with each database that some of the tenants may have had of
	// their own, or with a few others, and who they are. They need not be among
	// Databases, and are open no longer than that. It may be nil.
	Own func(ctx context.Context, targets []*Target, look func(of Database, tenants ...string) error) error

	AllowDestructive bool // let destructive statements be planned whatever the policy
	Adopt            bool // take over schemas that exist and were never managed
	Repair           bool // let files that were changed after they were applied count as applied as they are now

	Now func() time.Time // what is retired is named by the day; nil for time.Now

	known *knowledge // what this run has found out, for all databases
}

// An Event tells how far a run has come.
type Event struct {
	Phase    Phase
	Database string
	Target   *PlannedTarget // for PhaseApplied and PhaseRetrying
	Outcome  *Outcome       // for PhaseApplied; for PhaseRetrying only why
	Done     int            // of Total, where Total is not 0
	Note     string         // for PhaseBetween: what is waited for, or why no more is begun
	Total    int
}

// Phase is a part of a run.
type Phase string

const (
	PhaseObserving Phase = "observing"
	PhaseCompiling Phase = "compiling"
	PhasePlanning  Phase = "planning"
	PhaseApplied   Phase = "applied"
	PhaseRetrying  Phase = "retrying" // an attempt on a target is made again
	PhaseBetween   Phase = "between"  // two waves
)

// Plan observes every database that has targets and plans, once per class. An
// error is a diag.List where a definition is wrong, else what kept all databases
// from being read; what keeps one from it fails that one's targets. A class that
// cannot be planned is no error: its targets carry the reason.
func (p *Planner) Plan(ctx context.Context, desired *Desired) (*Plan, error) {
	if err := p.settle(ctx, desired); err != nil {
		return nil, err
	}
	together := *p
	together.known = &knowledge{}
	p = &together
	names := p.names(desired)
	parts := make([]*databasePlan, len(names))
	wrong := make([]diag.List, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, name := range names {
		group.Go(func() (err error) {
			defer p.Databases[name].Rest()
			parts[i], err = p.planDatabase(ctx, desired, p.Databases[name])
			switch {
			case err == nil:
			case errors.As(err, &wrong[i]): // let the other databases say what they find wrong
			case ctx.Err() != nil:
				return ctx.Err()
			default:
				parts[i] = lost(desired, name, err)
			}
			return nil
		})
	}
	err := group.Wait()
	found := append(slices.Concat(wrong...), p.same(desired)...)
	if err := cmp.Or(found.Err(), err); err != nil {
		return nil, err
	}
	reasons := make([]error, len(parts))
	for i, part := range parts {
		reasons[i] = part.lost
	}
	if err := p.allLost(reasons); err != nil {
		return nil, err
	}
	plan := &Plan{
		ToolVersion: p.ToolVersion, Partial: desired.Partial, Shard: desired.Shard, Allowed: Allowed{Destructive: p.AllowDestructive, Adopt: p.Adopt, Repair: p.Repair},
		Desired: DesiredID{Revision: desired.Revision, Digest: desired.Digest},
		Steps:   []Step{}, Targets: []PlannedTarget{}, Diagnostics: []Diagnostic{}, compiled: make(map[string][]*schema.Compiled), horizons: make(map[string]string), lost: make(map[string]error),
	}
	seen := make(map[string]bool)
	for i, part := range parts {
		plan.Targets = append(plan.Targets, part.targets...)
		plan.compiled[names[i]], plan.horizons[names[i]] = part.fresh, part.horizon
		plan.lose(names[i], part)
		plan.Diagnostics = append(plan.Diagnostics, part.notes...)
		for _, s := range part.steps {
			if !seen[s.ID] {
				seen[s.ID] = true
				plan.Steps = append(plan.Steps, s)
			}
		}
	}
	plan.keepElsewhere()
	plan.Diagnostics = append(plan.Diagnostics, Diagnostics(desired.Notes())...)
	plan.guard(&desired.Policy)
	plan.finish()
	return plan, nil
}

// same says which of the databases that were reached are one by two names: each
// name would take the other's tenants for orphans.
func (p *Planner) same(desired *Desired) (wrong diag.List) {
	known := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(p.Databases)) {
		identity := p.Databases[name].Identity()
		first, taken := known[identity]
		switch {
		case identity == "":
		case taken:
			i := slices.IndexFunc(desired.Targets, func(t Target) bool { return t.Database == name })
			at := diag.Pos{}
			if i >= 0 {
				at = desired.Targets[i].Source
			}
			wrong.Errorf(at, "same-database", "the databases %s and %s are one and the same", first, name)
			wrong.Hintf("give one of them a url that leads elsewhere, or write the other's name in its place")
		default:
			known[identity] = name
		}
	}
	return wrong
}

// databasePlan is one database's part of a plan.
type databasePlan struct {
	steps   []Step
	targets []PlannedTarget
	fresh   []*schema.Compiled // compiled in this run, to be stored by an apply
	horizon string             // to be kept by an apply that has nothing else to do
	notes   []Diagnostic
	lost    error // why there is nothing else here
}

// planDatabase plans for one database. Where another run changes what was
// observed before it is planned for, it is observed again.
func (p *Planner) planDatabase(ctx context.Context, desired *Desired, db Database) (*databasePlan, error) {
	for attempt := 1; ; attempt++ {
		plan, moved, err := p.planOnce(ctx, desired, db)
		if err != nil || !moved || attempt == observations || !wait(ctx, attempt, time.Second) {
			return plan, err
		}
	}
}

// observations is how often a database is observed anew.
const observations = 8

func (p *Planner) planOnce(ctx context.Context, desired *Desired, db Database) (plan *databasePlan, moved bool, err error) {
	d := p.of(desired, db)
	if err := d.observe(ctx); err != nil {
		return nil, false, err
	}
	if err := d.compile(ctx); err != nil {
		return nil, false, err
	}
	changes := Diff(d.desired, db.Name(), d.fingerprints, d.observed)
	if err := d.lookElsewhere(ctx, changes); err != nil {
		return nil, false, err
	}
	if err := d.lookAtGrants(ctx, changes); err != nil {
		return nil, false, err
	}
	if err := d.distribute(changes); err != nil {
		return nil, false, err
	}
	d.plan.notes = append(d.observed.Notes, d.references()...)
	classes := d.classify(changes)
	if err := d.planClasses(ctx, classes); err != nil {
		return nil, false, err
	}
	if err := d.ask(ctx, classes); err != nil {
		return nil, false, err
	}
	d.collect(changes, classes)
	d.plan.horizon = d.observed.Horizon
	return d.plan, slices.ContainsFunc(classes, (*class).moved), nil
}

func (p *Planner) of(desired *Desired, db Database) *databasePlanner {
	now := time.Now
	if p.Now != nil {
		now = p.Now
	}
	adopting := *desired
	adopting.Adopt, adopting.Repair = desired.Adopt || p.Adopt, desired.Repair || p.Repair
	return &databasePlanner{Planner: p, db: db, desired: &adopting, plan: &databasePlan{}, today: now().UTC().Format("20060102")}
}

// databasePlanner plans for one database.
type databasePlanner struct {
	*Planner
	db      Database
	desired *Desired
	plan    *databasePlan
	today   string // as 20060102

	observed     *Observed
	planners     map[string]*schema.Planner // by dev URL
	compiled     map[string]*schema.Compiled
	fingerprints map[string]schema.Fingerprint
	broken       map[string]error // digests of blueprints that do not compile
}

func (d *databasePlanner) observe(ctx context.Context) (err error) {
	d.report(Event{Phase: PhaseObserving})
	if err := d.db.Connect(ctx); err != nil {
		return err
	}
	var schemas []string
	for _, t := range d.desired.Targets {
		if t.Database == d.db.Name() {
			schemas = append(schemas, t.Schema)
			if t.Former != "" {
				schemas = append(schemas, t.Former)
			}
		}
	}
	if d.observed, err = d.db.Observe(ctx, schemas, !d.desired.Partial); err != nil {
		return err
	}
	if err := d.observeReturning(ctx); err != nil {
		return err
	}
	return d.observeHistories(ctx)
}

// observeReturning looks at what was put aside and is to come back.
func (d *databasePlanner) observeReturning(ctx context.Context) error {
	records := indexRecords(d.observed.Records)
	var schemas []string
	for _, t := range d.desired.Targets {
		if t.Database != d.db.Name() || t.wish() != WishActive && t.wish() != WishSuspended {
			continue
		}
		if r := records.of(&t); r != nil && r.Home != "" {
			schemas = append(schemas, r.Schema)
		}
	}
	if len(schemas) == 0 {
		return nil
	}
	aside, err := d.db.Observe(ctx, schemas, false)
	if err != nil {
		return err
	}
	maps.Copy(d.observed.Live, aside.Live)
	return nil
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
	var wrong diag.List
	for _, b := range d.desired.Blueprints(d.db.Name()) {
		err := d.compileOne(ctx, b)
		if list, ok := errors.AsType[diag.List](err); ok {
			wrong = append(wrong, list...)
		} else if err != nil {
			return err
		}
	}
	return wrong.Err()
}

func (d *databasePlanner) compileOne(ctx context.Context, b *schema.Blueprint) error {
	planner := d.planner(b)
	c, known := d.compiled[b.Digest]
	if !known {
		d.report(Event{Phase: PhaseCompiling})
		var err error
		c, err = once(d.known, fmt.Sprint("compiled ", d.db.Major(), " ", b.Digest), func() (*schema.Compiled, error) { return planner.Compile(ctx, b) })
		if err == nil {
			planner.Remember(c)
		}
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
		if err := d.checkGoal(ctx, b, c); err != nil {
			return err
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
