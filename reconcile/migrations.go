package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tenantry/internal/diag"
	"tenantry/schema"
)

// What versioned files have done to a target is its history. It is read where
// something may be pending: not while the target is as it was left by these very
// files.

// A Learned is what is to be recorded of a history that was found.
type Learned struct {
	Target Record
	Names  schema.Names
	Files  []schema.FileRun
}

// observeHistories reads the histories of the targets that something may be
// pending for.
func (d *databasePlanner) observeHistories(ctx context.Context) error {
	records := indexRecords(d.observed.Records)
	var schemas []string
	for i := range d.desired.Targets {
		t := &d.desired.Targets[i]
		if t.Database != d.db.Name() || !t.Blueprint.Versioned() {
			continue
		}
		c := Change{Target: *t, Record: records.of(t)}
		c.find(d.observed)
		if _, live := d.observed.Live[c.At]; live && !c.settled() {
			schemas = append(schemas, c.At)
		}
	}
	if len(schemas) == 0 {
		return nil
	}
	var err error
	d.observed.History, err = d.db.Migrations(ctx, schemas)
	return err
}

// settled reports whether the target is as it was left by its blueprint's files.
func (c *Change) settled() bool {
	r := c.Record
	return r != nil && r.Blueprint == c.Target.Blueprint.Digest && r.Fingerprint == c.From && (r.Status == StatusApplied || r.Status == StatusSame)
}

// CodeRepaired is the code of what is said of a file that was changed after it was
// applied, and counts as applied as it is.
const CodeRepaired = "migration-repaired"

// follow says what of the blueprint's files is pending.
func (c *Change) follow(observed *Observed, repair bool) {
	b := c.Target.Blueprint
	if !b.Versioned() || !c.Exists || c.settled() {
		return
	}
	h := observed.History[c.At]
	c.Applied, c.History = b.Claim(h.Applied), h.Mark
	if repair {
		c.Applied, c.Repaired = b.Repair(c.Applied, c.names(observed))
	}
	for _, r := range c.Repaired {
		c.notes = append(c.notes, Diagnostic{Severity: diag.Warning, Code: CodeRepaired, Message: r.Script + " was changed after it was applied, and counts as applied as it is now"})
	}
	c.Pending, c.Wrong = b.Pending(c.Applied, c.names(observed))
}

// names returns what the marks in files stand for.
func (c *Change) names(observed *Observed) schema.Names {
	return schema.Names{Schema: c.Target.Schema, From: c.At, User: observed.User, Database: observed.Database}
}

// planFiles plans a class whose schemas come about by files.
func (d *databasePlanner) planFiles(ctx context.Context, c *class, from []schema.Line, last *schema.Compiled) error {
	change := c.first()
	if change.Wrong != nil {
		return change.Wrong
	}
	b := change.Target.Blueprint
	names := change.names(d.observed)
	applied, pending := change.Applied, change.Pending
	learned := append(b.Learned(applied), change.Repaired...)
	if len(applied) == 0 && len(from) > 0 {
		runs, err := d.found(b, from)
		if err != nil {
			return err
		}
		for _, r := range runs {
			learned = append(learned, schema.Recorded(r))
		}
		applied = schema.AppliedBy(runs, names)
		if pending, err = b.Pending(applied, names); err != nil {
			return err
		}
	}
	transition, err := d.planner(b).Migrate(ctx, b, from, last, applied, len(change.Repaired) > 0, pending, names)
	if err != nil {
		return err
	}
	if transition.AsApplied && change.Reason == ReasonDrifted { // another tool has run the files
		c.drift = nil
		for _, one := range c.changes {
			one.Reason = ReasonDefinitionChanged
		}
	}
	c.step.Files = learned
	c.follow(transition.Files)
	c.take(change, transition)
	return nil
}

// found says which files a schema without a history must have behind it.
func (d *databasePlanner) found(b *schema.Blueprint, lines []schema.Line) ([]schema.FileRun, error) {
	if runs, ok := b.FromBaseline(); ok {
		return runs, nil
	}
	if runs, ok := d.compiled[b.Digest].Stage(b, lines); ok {
		return runs, nil
	}
	return nil, errors.New("it was there before, has no history of migrations, and is not what any of their versions makes; say in the migration block which version it has: baseline = \"…\"")
}

// fewStatements are as many as an error shows.
const fewStatements = 3

// checkGoal makes sure that the files come to what the sources say. An error is a
// diag.List that says which migration is missing.
func (d *databasePlanner) checkGoal(ctx context.Context, b *schema.Blueprint, c *schema.Compiled) error {
	if b.Goal == nil {
		return nil
	}
	missing, err := d.planner(b).Missing(ctx, b, c)
	if err != nil || len(missing) == 0 {
		return err
	}
	var diags diag.List
	var sql []string
	for i, s := range missing {
		if i == fewStatements {
			sql = append(sql, fmt.Sprintf("and %d more", len(missing)-i))
			break
		}
		sql = append(sql, strings.Join(strings.Fields(schema.Render(s.SQL, "schema")), " ")+";")
	}
	service := b.DescribedService()
	diags.Errorf(b.Pos(), "missing-migration", "the migrations of %s do not come to what src says; what is missing: %s", service, strings.Join(sql, " "))
	diags.Hintf("write it with: reconcile migrate new %s NAME", service)
	return diags.Err()
}

// Notes are what is to be said of the migrations of all blueprints that is not wrong.
func (d *Desired) Notes() (out diag.List) {
	seen := make(map[string]bool)
	for _, t := range d.Targets {
		for _, n := range t.Blueprint.Notes() {
			if !seen[n.Message] {
				seen[n.Message] = true
				out = append(out, n)
			}
		}
	}
	return out
}

// FileError says which file a statement that was refused is from.
type FileError struct {
	Where string // the file and the line
	Err   error
}

func (e *FileError) Error() string { return fmt.Sprintf("%s: %v", e.Where, e.Err) }

func (e *FileError) Unwrap() error { return e.Err }

// Missing returns the statements that the migrations of a service lack to come to
// what its sources say; described is false where it has no such two.
func (p *Planner) Missing(ctx context.Context, desired *Desired, service string) (statements []schema.Statement, described bool, err error) {
	for _, name := range desired.Databases() {
		d := p.of(desired, p.Databases[name])
		d.planners = make(map[string]*schema.Planner)
		for _, b := range desired.Blueprints(name) {
			if b.Goal == nil || !slices.Contains(b.Services, service) {
				continue
			}
			c, err := d.planner(b).Compile(ctx, b)
			if err != nil {
				return nil, true, err
			}
			missing, err := d.planner(b).Missing(ctx, b, c)
			if err != nil || len(missing) > 0 {
				return missing, true, err
			}
			described = true
		}
	}
	return nil, described, nil
}
