package schema

import (
	"context"
	"slices"
	"strings"
)

// Migrate plans what leads a schema that holds the lines from, and has those
// migrations behind it, to the blueprint: first whatever brings it to what they
// have made, should it have drifted from that; then the pending files, as they
// are; then what may be left. last is what it was last brought to, or nil; repaired
// says that some of the files have changed since.
func (p *Planner) Migrate(ctx context.Context, b *Blueprint, from []Line, last *Compiled, applied []Applied, repaired bool, pending []FileRun, n Names) (*Transition, error) {
	to, err := p.Compile(ctx, b)
	if err != nil {
		return nil, err
	}
	m := &migrating{Planner: p, blueprint: b, to: to, names: n}
	if last != nil {
		m.made = last.Lines
	}
	if repaired {
		last = nil
	}
	if err := m.begin(ctx, from, last, applied, pending); err != nil {
		return nil, err
	}
	if err := m.files(ctx, pending); err != nil {
		return nil, err
	}
	return &m.out, m.rest(ctx)
}

// migrating is one Migrate.
type migrating struct {
	*Planner
	blueprint *Blueprint
	to, base  *Compiled
	made      []Line
	names     Names
	out       Transition
	lines     []Line // what the schema holds at this point
	unmanaged []Line
}

// begin finds, or makes, what the schema is before the pending files.
func (m *migrating) begin(ctx context.Context, from []Line, last *Compiled, applied []Applied, pending []FileRun) (err error) {
	m.lines = from
	if h := m.to.History; h != nil && !containsKey(from, *h) {
		m.out.Statements = append(m.out.Statements, flywayTable(h.Name)...)
		m.lines = append(slices.Clone(from), *h)
	}
	is := FingerprintOf(withoutHistory(from))
	if last != nil && last.Fingerprint == is && last.has(applied) {
		m.base, m.out.AsApplied = last, true
		return nil
	}
	at := m.blueprint.At(applied, m.names)
	if m.base, err = m.Compile(ctx, at); err != nil {
		return err
	}
	if m.base.makes(is, m.names.From) {
		m.out.AsApplied = true
		return nil
	}
	if m.cutShort(from, pending) {
		m.out.AsApplied = true
		return nil
	}
	heal, err := m.Plan(ctx, at, m.lines, m.made)
	if err != nil {
		return err
	}
	m.add(heal)
	m.out.Unplanned = heal.Unplanned
	return nil
}

// cutShort reports whether the schema is what the migrations have made but for the
// index that the next statement builds or drops: it may be half built, or done and
// not on record. The statement sees to that.
func (m *migrating) cutShort(from []Line, pending []FileRun) bool {
	if len(pending) == 0 || !pending[0].Resumed || pending[0].Count == 0 {
		return false
	}
	next := pending[0].Migration.statements[pending[0].Begin]
	next.SQL = qualified(next.SQL)
	is, _ := BesideIndex(withoutHistory(from), next)
	was, _ := BesideIndex(m.base.Lines, next)
	if is != was {
		return false
	}
	before := slices.Clone(m.base.Lines)
	for _, l := range m.lines {
		if l.Kind == KindMigrationHistory {
			before = append(before, l)
		}
	}
	m.lines = before
	return true
}

// add adds a transition that leads on from where the schema is.
func (m *migrating) add(t *Transition) {
	m.out.Statements = append(m.out.Statements, t.Statements...)
	m.out.Kept, m.out.Reprinted = t.Kept, t.Reprinted
	m.lines, m.unmanaged = t.Lines, t.Unmanaged
}

// files runs the pending files on a bench that holds what the schema is made of.
func (m *migrating) files(ctx context.Context, pending []FileRun) error {
	if len(pending) == 0 {
		return nil
	}
	bench, err := m.bench(ctx, m.blueprint)
	if err != nil {
		return err
	}
	defer bench.Close()
	all := slices.Clone(m.base.Create)
	for _, r := range pending {
		all = append(all, bench.templates(r)...)
	}
	bench.ahead = foresee(all)
	if err := bench.build(ctx, bench.Schema, bench.ahead.next(len(m.base.Create))); err != nil {
		return err
	}
	before, err := bench.lines(ctx)
	if err != nil {
		return err
	}
	f := factsOf(before, m.to.Lines)
	held, err := bench.holds(ctx)
	if err != nil {
		return err
	}
	losing := &losing{bench: bench, held: held}
	for _, r := range pending {
		templates := bench.templates(r)
		lost, err := losing.run(ctx, r, templates)
		if err != nil {
			return err
		}
		r.First = len(m.out.Statements)
		m.out.Files = append(m.out.Files, r)
		for i, s := range templates {
			s.SQL = resolveShared(s.SQL, m.to.Shared)
			s.Hazards = append(f.ofFile(s), lost[i]...)
			m.out.Statements = append(m.out.Statements, s)
		}
	}
	after, err := bench.lines(ctx)
	if err != nil {
		return err
	}
	m.lines = withOthers(after, m.lines, before)
	return nil
}

// Missing returns the statements that lead from what the blueprint's files make to
// what its sources say: none where they agree.
func (p *Planner) Missing(ctx context.Context, b *Blueprint, c *Compiled) ([]Statement, error) {
	goal, err := p.Compile(ctx, b.Goal)
	if err != nil {
		return nil, err
	}
	if len(b.Goal.Compare(c.Lines, goal.Lines, nil).Differing) == 0 {
		return nil, nil
	}
	t, err := p.Plan(ctx, b.Goal, c.Lines, nil)
	if err != nil {
		return nil, err
	}
	return t.Statements, nil
}

// withOthers adds to what a bench holds now those lines of a schema that the
// bench had not before.
func withOthers(after, schema, before []Line) []Line {
	out := slices.Clone(after)
	for _, l := range schema {
		if !containsKey(before, l) && !containsKey(after, l) {
			out = append(out, l)
		}
	}
	SortLines(out)
	return out
}

// ofFile returns what is dangerous about a statement of a file but for what it
// destroys. What it says of rows is meant as it stands.
func (f facts) ofFile(s Statement) []Hazard {
	c := commandOf(s.SQL)
	f.note(c)
	hazards := append([]Hazard{}, f.hazards(c)...)
	hazards = slices.DeleteFunc(hazards, func(h Hazard) bool {
		return h.Code == HazardDestructive || h.Code == HazardBlocksWrites && !s.Transactional
	})
	for i := range hazards {
		hazards[i].Probe, hazards[i].Fails = "", "" // earlier files change what it would ask
		hazards[i].Message = strings.ReplaceAll(hazards[i].Message, schemaMark+".", "")
	}
	return hazards
}

// rest plans what is left once the files have run.
func (m *migrating) rest(ctx context.Context) error {
	defer func() { m.out.To, m.out.Unmanaged = FingerprintOf(m.lines), m.unmanaged }()
	m.out.Lines = m.lines
	if FingerprintOf(withoutHistory(m.lines)) == m.to.Fingerprint {
		return nil
	}
	rest, err := m.Plan(ctx, m.blueprint, m.lines, m.made)
	if err != nil {
		return err
	}
	m.out.Unplanned = nil
	m.add(rest)
	m.out.Lines, m.out.Unplanned = m.lines, rest.Unplanned
	return nil
}
