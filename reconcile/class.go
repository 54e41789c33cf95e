package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"tenantry/schema"
)

// A class is the targets that share a live structure and a blueprint, and so a
// step, or two: one for targets whose tables hold rows, which people may be
// using, and one for those where nobody has anything to wait for.
type class struct {
	changes []*Change
	step    Step
	drift   []string
	err     error

	online    *Step    // for targets whose tables hold rows; nil where step does for them too
	onlineFor []string // those tables
	asked     []asked  // what the rows of each of the changes have said
}

func (c *class) first() *Change { return c.changes[0] }

// classify groups the changes, in the order of each class's first target.
func (d *databasePlanner) classify(changes []Change) []*class {
	type key struct {
		action      Action
		moved       bool
		from        schema.Fingerprint
		exists      bool
		blueprint   string
		made        string
		lastApplied schema.Fingerprint
		extra       string
		access      string
		history     string
	}
	var classes []*class
	byKey := make(map[key]*class)
	for i := range changes {
		c := &changes[i]
		if !c.Action.changes() || c.Action == ActionForget {
			continue
		}
		k := key{access: c.Access.key, extra: c.extras(), action: c.Action, moved: c.moved(), from: c.From, exists: c.Exists, blueprint: c.Target.Blueprint.Digest}
		if c.Action == ActionRetire {
			k.blueprint = "" // whatever it is like
		}
		if c.Record != nil && c.Exists && c.Action.migrates() {
			k.made, k.lastApplied = c.Record.Blueprint, c.Record.Fingerprint
		}
		if c.Exists && c.Action.migrates() {
			k.history = schema.Describe(c.Applied)
			for _, r := range c.Repaired {
				k.history += fmt.Sprintf("repaired %q %q\n", r.Service, r.Script)
			}
			if c.Wrong != nil {
				k.history += c.Wrong.Error()
			}
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
	group.SetLimit(d.parallelism())
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
	c.step = Step{Action: change.Action, Statements: []schema.Statement{}, Unplanned: []string{}, Kept: []string{}, Unmanaged: []string{}}
	defer c.step.identify()
	c.step.Statements = append(c.step.Statements, change.Access.before...)
	if change.moved() {
		c.step.Statements = append(c.step.Statements, renameSchema)
	}
	if err := d.planStructure(ctx, c); err != nil {
		return err
	}
	if change.Access.err != nil {
		return change.Access.err
	}
	after := change.Access.after(c.step.lines)
	after = append(after, change.extra...)
	c.step.Statements = append(c.step.Statements, after...)
	if len(after) > 0 {
		c.step.keys = nil // they are not the last any more
	}
	if len(change.extra) > 0 {
		c.step.scope = nil // they touch what no line tells of
	}
	if c.online != nil {
		c.online.Statements = slices.Concat(change.Access.before, c.online.Statements, after)
		c.online.identify()
	}
	if change.Reason == ReasonDrifted {
		c.drift = append(c.drift, change.Access.drift...)
	}
	return nil
}

// planStructure plans what leads to the blueprint.
func (d *databasePlanner) planStructure(ctx context.Context, c *class) error {
	change := c.first()
	b := change.Target.Blueprint
	if !change.Action.migrates() {
		c.step.From, c.step.To = change.From.String(), change.From.String()
		return nil
	}
	c.step.Blueprint = b.Digest
	if err := d.broken[b.Digest]; err != nil {
		return err
	}
	to := d.compiled[b.Digest]
	if !change.Exists {
		creation := to.Creation(b)
		c.step.To, c.step.lines, c.step.goal, c.step.keys = creation.To.String(), creation.Lines, creation.To, creation.Keys
		statements := change.Access.creating(creation.Statements)
		for i := range creation.Files { // the grants of a new schema come before its files
			creation.Files[i].First += len(statements) - len(creation.Statements)
		}
		c.follow(creation.Files)
		c.step.Statements = append(c.step.Statements, statements...)
		return nil
	}
	if !change.Differs {
		c.step.From, c.step.To = change.From.String(), change.From.String()
		return nil
	}
	from, err := d.lines(ctx, change)
	if err != nil {
		return err
	}
	var made []schema.Line
	var last *schema.Compiled
	if change.Record != nil && d.compiled[change.Record.Blueprint] != nil {
		last = d.compiled[change.Record.Blueprint]
		made = last.Lines
	}
	if change.Reason == ReasonDrifted {
		c.drift = driftOf(from, made, to.Lines)
	}
	if b.Versioned() {
		return d.planFiles(ctx, c, from, last)
	}
	key := fmt.Sprint("transition ", d.db.Major(), " ", b.Digest, " ", change.From, " ", schema.FingerprintOf(made))
	transition, err := once(d.known, key, func() (*schema.Transition, error) { return d.planner(b).Plan(ctx, b, from, made) })
	if err != nil {
		return err
	}
	c.take(change, transition)
	return nil
}

// follow adds files whose statements come next to the step.
func (c *class) follow(files []schema.FileRun) {
	for _, f := range files {
		f.First += len(c.step.Statements)
		c.step.Files = append(c.step.Files, f)
	}
}

// take makes the transition the class's step.
func (c *class) take(change *Change, transition *schema.Transition) {
	c.step.From, c.step.To, c.step.lines = change.From.String(), transition.To.String(), transition.Lines
	c.step.reprinted = transition.Reprinted
	c.step.Statements = append(c.step.Statements, transition.Statements...)
	if len(c.step.Statements) == len(transition.Statements) { // and none of the tenant's life
		c.step.goal, c.step.scope = transition.To, transition.Scope
	}
	for _, u := range transition.Unplanned {
		c.step.Unplanned = append(c.step.Unplanned, u.String())
	}
	for _, k := range transition.Kept {
		c.step.Kept = append(c.step.Kept, k.String())
	}
	for _, u := range transition.Unmanaged {
		c.step.Unmanaged = append(c.step.Unmanaged, u.String())
	}
	if transition.Online != nil && !change.moved() {
		online := c.step
		online.Statements, c.onlineFor = transition.Online, transition.OnlineFor
		c.online = &online
	}
}

// moved reports whether the class could not be planned because what was observed
// was no more.
func (c *class) moved() bool {
	_, stale := errors.AsType[*StaleError](c.err)
	return stale
}

// stepFor returns the step of one of the class's changes.
func (c *class) stepFor(i int) *Step {
	if c.online != nil && c.asked[i].rows {
		return c.online
	}
	return &c.step
}

// lines returns what a class's schemas hold: known where its fingerprint is
// that of a blueprint compiled before, else read from one of them.
func (d *databasePlanner) lines(ctx context.Context, c *Change) ([]schema.Line, error) {
	for _, known := range d.compiled {
		if known.Fingerprint == c.From {
			return known.Lines, nil
		}
	}
	lines, err := d.db.Lines(ctx, c.At)
	if err == nil && schema.FingerprintOf(lines) != c.From {
		return nil, &StaleError{Key: c.Target.Key}
	}
	return lines, err
}

// renameSchema moves a schema to its new name, with all that is in it.
var renameSchema = schema.Statement{
	SQL: "ALTER SCHEMA {from} RENAME TO {schema}", Comment: "the schema gets another name, and keeps all that is in it",
	Transactional: true, Hazards: []schema.Hazard{}, Reverse: []string{"ALTER SCHEMA {schema} RENAME TO {from}"}, Named: true,
}

// moved reports whether the target's schema gets another name.
func (c *Change) moved() bool {
	return c.Exists && (c.Action == ActionRetire || c.At != c.Target.Schema) && c.Action.changes() && c.Action != ActionForget
}

// driftOf says how a schema differs from what it was left as; where that is not
// known any more, from what it should be.
func driftOf(live, made, want []schema.Line) []string {
	if made == nil {
		made = want
	}
	var out []string
	for _, d := range schema.Differences(live, made) {
		if d.Kind == schema.KindMigrationHistory && d.Unexpected {
			continue // a tool keeps it, and nobody has made it by hand
		}
		out = append(out, d.String())
	}
	return out
}
