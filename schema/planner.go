package schema

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// A Compiled is a blueprint, understood: what creates it and what it is then.
type Compiled struct {
	Digest      string      `json:"digest"`
	Schema      string      `json:"schema"` // the shared service's schema, or ""
	Fingerprint Fingerprint `json:"fingerprint"`
	Create      []Statement `json:"create"` // CREATE SCHEMA first; templates, in which shared schemas are marks too
	Lines       []Line      `json:"lines"`
	Shared      []string    `json:"shared"` // the shared schemas that it may refer to

	Keys    *Keys          `json:"keys,omitempty"`    // the foreign keys at the end of Create; nil where there is more to the end
	Files   []CompiledFile `json:"files,omitempty"`   // the migrations among the statements
	History *Line          `json:"history,omitempty"` // Flyway's table, where that is kept: it is in neither Create nor Lines

	scratch string // what the schema was called when the lines were read, should one of them say so
}

// Statements returns the statements that create the schema, as plans hold them.
func (c *Compiled) Statements() []Statement {
	return mapStatements(c.Create, func(sql string) string { return resolveShared(sql, c.Shared) })
}

// A Transition leads a schema from one structure to another. It was run on a
// workbench: whoever starts from the same lines and runs its statements comes
// to exactly its fingerprint To.
type Transition struct {
	Statements []Statement
	Online     []Statement // for schemas with rows: another way to the same end that lets people work meanwhile; nil where there is none
	OnlineFor  []string    // the tables that it is for: templates of quoted names
	To         Fingerprint
	Lines      []Line       // what To is the fingerprint of
	Scope      *Scope       // nil where not only relations are touched, or that is not known
	Keys       *Keys        // of the creation of a schema; see Compiled
	Unplanned  []Difference // what nothing that we know of would mend
	Kept       []Difference // what atlas.hcl's diff policy leaves as it is
	Unmanaged  []Line       // objects that no blueprint ever made
	// Reprinted: the schema is what the blueprint says, but for lines that
	// PostgreSQL prints in the blueprint's words only when it has read what it
	// prints now. There is nothing to do then; what changes later brings it along.
	Reprinted bool

	Files     []FileRun // the migrations among Statements
	AsApplied bool      // the schema was just what the migrations behind it have made
}

// A Planner compiles blueprints and plans transitions. It is safe for
// concurrent use, a workbench for each call.
type Planner struct {
	Engine    Engine
	Workbench func(context.Context) (Workbench, error) // opens a workbench
	Nonce     func() string                            // twelve hex digits, never the same

	mu       sync.Mutex
	compiled map[string]*Compiled
}

// Remember makes the planner know what was compiled before, by the same engine
// version for the same server version.
func (p *Planner) Remember(c *Compiled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.compiled == nil {
		p.compiled = make(map[string]*Compiled)
	}
	p.compiled[c.Digest] = c
}

// remembered returns what was compiled before from a blueprint of that digest.
func (p *Planner) remembered(digest string) (*Compiled, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.compiled[digest]
	return c, ok
}

// Compile returns the compiled blueprint, compiling it on a workbench if it is
// not yet known. What is wrong with the definition is returned as a diag.List.
func (p *Planner) Compile(ctx context.Context, b *Blueprint) (*Compiled, error) {
	if c, ok := p.remembered(b.Digest); ok {
		return c, nil
	}
	bench, err := p.bench(ctx, b)
	if err != nil {
		return nil, err
	}
	defer bench.Close()
	statements, err := p.create(ctx, bench, b)
	if err != nil {
		return nil, err
	}
	keys, err := bench.runWithKeys(ctx, statements)
	if err != nil {
		return nil, bench.said(fmt.Errorf("the definition of %s does not work: %w", nameOf(b), b.placed(bench, err)))
	}
	completed, err := p.complete(ctx, bench, b)
	if err != nil {
		return nil, err
	}
	settled, err := bench.settle(ctx)
	if err != nil {
		return nil, err
	}
	statements = slices.Concat(statements, completed, settled)
	c := &Compiled{
		Digest: b.Digest, Schema: b.Schema,
		Create: mapStatements(statements, func(sql string) string { return templateOf(sql, bench) }),
	}
	if len(completed)+len(settled) == 0 && !b.Versioned() {
		c.Keys = keys
	}
	if err := bench.migrate(ctx, b, c); err != nil {
		return nil, err
	}
	if c.Lines, err = bench.lines(ctx); err != nil {
		return nil, err
	}
	c.Fingerprint, c.scratch = FingerprintOf(c.Lines), bench.Schema
	if err := bench.checkNames(b, c); err != nil {
		return nil, err
	}
	for _, s := range b.Shared {
		c.Shared = append(c.Shared, s.Schema)
	}
	p.Remember(c)
	return c, nil
}

// create returns what creates the blueprint's schema: the HCL by the engine, then
// the SQL sources as they are.
func (p *Planner) create(ctx context.Context, bench *Bench, b *Blueprint) ([]Statement, error) {
	sql, wrong := b.sqlStatements()
	statements, err := p.Engine.Create(ctx, bench, b)
	if err != nil || wrong != nil {
		return nil, cmp.Or(err, wrong)
	}
	for _, s := range sql {
		statements = append(statements, Statement{SQL: bench.sharedOnBench(s), Transactional: true})
	}
	return statements, nil
}

// bench opens a workbench and lays it out for a blueprint.
func (p *Planner) bench(ctx context.Context, b *Blueprint) (*Bench, error) {
	var shared []*Compiled
	for _, s := range b.Shared {
		c, err := p.Compile(ctx, s)
		if err != nil {
			return nil, err
		}
		shared = append(shared, c)
	}
	wb, err := p.Workbench(ctx)
	if err != nil {
		return nil, err
	}
	bench, err := layOut(ctx, wb, p.Nonce(), shared)
	if err != nil {
		return nil, errors.Join(err, wb.Close())
	}
	bench.own = b.Schema
	return bench, nil
}

// Plan plans the transition of an existing schema that holds the lines from to
// the blueprint. made holds the lines of the blueprint that the schema was last
// brought to, if any: objects among them that the new one lacks are dropped.
func (p *Planner) Plan(ctx context.Context, b *Blueprint, from, made []Line) (*Transition, error) {
	to, err := p.Compile(ctx, b)
	if err != nil {
		return nil, err
	}
	bench, err := p.bench(ctx, b)
	if err != nil {
		return nil, err
	}
	defer bench.Close()
	if err := p.Engine.Aim(ctx, bench, to); err != nil {
		return nil, bench.said(err)
	}
	growth, err := bench.grow(ctx, &from, to.Lines)
	if err != nil {
		return nil, err
	}
	t := &transition{bench: bench, blueprint: b, to: to, made: made, growth: growth, known: p.thatMakes(FingerprintOf(from))}
	if err := t.start(ctx, from); err != nil {
		return nil, bench.said(err)
	}
	if same := t.reprinted(from); len(growth) == 0 && same != nil {
		return same, nil
	}
	planned, err := t.plan(ctx, p.Engine)
	return planned, bench.said(err)
}

// thatMakes returns a compiled blueprint of that fingerprint, or nil.
func (p *Planner) thatMakes(f Fingerprint) *Compiled {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.compiled {
		if c.Fingerprint == f {
			return c // whichever: they make the same
		}
	}
	return nil
}

// copyKnown makes a copy of a live schema that a compiled blueprint makes, and
// reports whether the copy is exact.
func (b *Bench) copyKnown(ctx context.Context, c *Compiled) (exact bool, err error) {
	var create []string
	for _, s := range foresee(c.Create).statements {
		create = append(create, inTransaction(b.statement(s, b.Schema)))
	}
	if err := b.enter(ctx, b.Schema); err != nil {
		return false, err
	}
	if done, err := b.atOnce(ctx, create); err != nil || !done {
		return false, err
	}
	lines, err := b.lines(ctx)
	return err == nil && FingerprintOf(lines) == c.Fingerprint, err
}

// rebuild makes a copy of a live schema from its lines. It returns the copy's
// lines and where they differ.
func (b *Bench) rebuild(ctx context.Context, lines []Line) (built []Line, lost []Difference, err error) {
	if _, err := b.ExecContext(ctx, "DROP SCHEMA IF EXISTS "+QuoteIdent(b.Schema)+" CASCADE; CREATE SCHEMA "+QuoteIdent(b.Schema)); err != nil {
		return nil, nil, err
	}
	localized := slices.Clone(lines)
	for i := range localized {
		localized[i].Definition = b.sharedOnBench(localized[i].Definition)
	}
	if _, err := b.runUntilStuck(ctx, residue(b.Schema, nil, localized)); err != nil {
		return nil, nil, err
	}
	built, err = b.lines(ctx)
	return built, Differences(built, lines), err
}

// settle makes what was created what a copy of it is. PostgreSQL prints some
// expressions in a way that it reads as another one: x IN ('a', 'b') on a varchar
// is not the same twice. Whoever evolves a schema, or copies it, goes by what is
// printed; so that is made the definition, from the beginning. It returns the
// statements for that.
func (b *Bench) settle(ctx context.Context) ([]Statement, error) {
	lines, err := b.lines(ctx)
	if err != nil {
		return nil, err
	}
	var lost []Difference
	err = b.attempt(ctx, func() error {
		_, lost, err = b.rebuild(ctx, lines)
		return err
	})
	if err != nil {
		return nil, err
	}
	var unstable []Line
	for _, d := range lost {
		l := Line{Kind: d.Kind, Table: d.Table, Name: d.Name, Definition: d.Want}
		if !d.Missing && !d.Unexpected && replaceable(l) {
			unstable = append(unstable, l)
		}
	}
	if len(unstable) == 0 {
		return nil, nil
	}
	return b.replace(ctx, unstable, lines)
}

// replaceable reports whether a line can be dropped and made anew without the
// loss of a row.
func replaceable(l Line) bool {
	switch l.Kind {
	case KindConstraint, KindIndex, KindDefault, KindDomainConstraint:
		return true
	case KindColumn:
		return isGenerated(l.Definition)
	case KindSequence:
		return false
	}
	return !l.Kind.IsStructure() && planned(l.Kind)
}

// replace drops lines and makes them anew from their definitions, and then what
// else has gone of the lines that there were.
func (b *Bench) replace(ctx context.Context, some, all []Line) ([]Statement, error) {
	out, err := b.runUntilStuck(ctx, residue(b.Schema, some, nil))
	for round := 0; err == nil && round < 3; round++ {
		var have, want []Line
		if have, err = b.lines(ctx); err != nil {
			break
		}
		if want = vanished(all, have); len(want) == 0 {
			break
		}
		var ran []Statement
		for i := range want {
			want[i].Definition = b.sharedOnBench(want[i].Definition)
		}
		ran, err = b.runUntilStuck(ctx, residue(b.Schema, nil, want))
		out = append(out, ran...)
	}
	for i := range out {
		out[i].Comment = "as PostgreSQL prints it"
	}
	return out, err
}

// A RebuildError says that a copy of a live schema could not be built, so that
// no plan for it can be proven.
type RebuildError struct{ Differences []Difference }

func (e *RebuildError) Error() string {
	message := "the live structure cannot be rebuilt on the workbench:"
	for i, d := range e.Differences {
		if i == 5 {
			return fmt.Sprintf("%s and %d more", message, len(e.Differences)-i)
		}
		message += " " + d.String() + ";"
	}
	return message[:len(message)-1]
}

func nameOf(b *Blueprint) string {
	name := ""
	for i, s := range b.Services {
		if i > 0 {
			name += ", "
		}
		name += s
	}
	return name
}
