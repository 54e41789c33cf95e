package schema

import (
	"context"
	"slices"
	"strings"
)

// transition is the planning of one Transition on a bench.
type transition struct {
	bench     *Bench
	blueprint *Blueprint
	to        *Compiled
	from      []Line // what the bench holds
	made      []Line
	known     *Compiled           // makes what the live schema holds; nil where none is known to
	growth    []Statement         // what has made the enums of the live schema those of from
	absent    []Line              // live objects that the bench's copy lacks
	inexact   []Line              // lines of the bench that are not quite the live ones: to be made anew
	columns   map[string][]string // the columns of tables that are missing in their order, by table; may be nil
}

// start builds a copy of the live schema on the bench. Where a line came out in
// other words than the live one has, it is to be made anew if it is ours, and is
// left out if it is not. A structure that cannot be copied is a RebuildError.
func (t *transition) start(ctx context.Context, live []Line) error {
	if t.known != nil {
		if exact, err := t.bench.copyKnown(ctx, t.known); err != nil || exact {
			t.from = live
			return err
		}
	}
	built, lost, err := t.bench.rebuild(ctx, live)
	if err != nil {
		return err
	}
	var strange []Line
	var fatal []Difference
	for _, d := range lost {
		l := Line{Kind: d.Kind, Table: d.Table, Name: d.Name, Definition: d.Have}
		wanted := Line{Kind: d.Kind, Table: d.Table, Name: d.Name, Definition: d.Want}
		ours := d.Kind.IsStructure() || containsKey(t.made, l) || containsKey(t.to.Lines, l)
		switch {
		case d.Missing && !d.Kind.IsStructure():
			t.absent = append(t.absent, wanted)
		case d.Missing || d.Unexpected || !replaceable(wanted):
			fatal = append(fatal, d)
		case ours:
			t.inexact = append(t.inexact, l)
		default:
			strange = append(strange, l)
			t.absent = append(t.absent, wanted)
		}
	}
	if len(fatal) > 0 {
		return &RebuildError{Differences: fatal}
	}
	t.from = built
	if len(strange) > 0 {
		_, err = t.bench.runUntilStuck(ctx, residue(t.bench.Schema, strange, nil))
	}
	return err
}

// reprinted returns the transition of a live schema that differs from the
// blueprint only in how PostgreSQL prints it, or nil: read again, it is the same.
func (t *transition) reprinted(live []Line) *Transition {
	c := t.blueprint.Compare(append(slices.Clone(t.from), t.absent...), t.to.Lines, t.made)
	if len(t.inexact) == 0 || len(c.Differing) > 0 || slices.ContainsFunc(live, isInvalid) {
		return nil
	}
	return &Transition{To: FingerprintOf(live), Lines: live, Kept: c.Kept, Unmanaged: c.Unmanaged, Reprinted: true}
}

// isInvalid reports whether a line is an index that is not usable, which its copy
// always is.
func isInvalid(l Line) bool { return strings.HasSuffix(l.Definition, " INVALID") }

// plan plans with as little cleared out of the engine's way as can be, and
// where that leads nowhere, or not all the way, with more.
func (t *transition) plan(ctx context.Context, engine Engine) (*Transition, error) {
	out, err := t.attempt(ctx, engine, false)
	if gone := ctx.Err(); gone != nil {
		return nil, gone // whoever asked may have gone just after the attempt went well
	}
	if err != nil || len(out.Unplanned) > 0 {
		thorough, failed := t.attempt(ctx, engine, true)
		if failed == nil && (err != nil || len(thorough.Unplanned) < len(out.Unplanned)) {
			out, err = thorough, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return out, t.finish(ctx, out)
}

// finish makes the plan's online form, says what is dangerous about either, and
// turns both into templates.
func (t *transition) finish(ctx context.Context, out *Transition) (err error) {
	if out.Online, out.OnlineFor, err = t.online(ctx, out); err != nil {
		return err
	}
	for _, form := range []*[]Statement{&out.Statements, &out.Online} {
		if form == &out.Online && out.Online == nil {
			break
		}
		if *form, err = t.review(ctx, *form); err != nil {
			return err
		}
		*form = append(committed(t.growth, *form), *form...)
		*form = mapStatements(*form, t.template)
	}
	out.OnlineFor = mapped(out.OnlineFor, t.template)
	return nil
}

// template turns SQL of the bench into a template.
func (t *transition) template(sql string) string {
	return resolveShared(templateOf(sql, t.bench), t.to.Shared)
}

// attempt plans and leaves the bench as it was.
func (t *transition) attempt(ctx context.Context, engine Engine, thorough bool) (out *Transition, err error) {
	err = t.bench.attempt(ctx, func() error {
		out, err = t.run(ctx, engine, thorough)
		return err
	})
	return out, err
}

// run clears the way, runs the engine's plan and then the residue's, and looks
// at what has come of it.
func (t *transition) run(ctx context.Context, engine Engine, thorough bool) (*Transition, error) {
	before, err := t.bench.Marks(ctx, t.bench.Schema)
	if err != nil {
		return nil, err
	}
	statements, err := t.clear(ctx, thorough)
	if err != nil {
		return nil, err
	}
	prepared, err := t.mend(ctx, func(d Difference) bool { return t.before(d, thorough) })
	if err != nil {
		return nil, err
	}
	planned, err := engine.Plan(ctx, t.bench, t.blueprint, t.to)
	if err != nil {
		return nil, err
	}
	for i, s := range planned { // what an engine wants outside of a transaction is for the online form
		planned[i].SQL, planned[i].Transactional = inTransaction(s), true
	}
	if planned, err = t.bench.runPlanned(ctx, planned); err != nil {
		return nil, err
	}
	rest, err := t.mend(ctx, func(Difference) bool { return true })
	if err != nil {
		return nil, err
	}
	out, err := t.look(ctx, slices.Concat(statements, prepared, planned, rest))
	if err != nil {
		return nil, err
	}
	out.Scope, err = t.scope(ctx, before, out)
	return out, err
}

// scope returns what the transition touches: where marks are not those of before.
// It is not known where the bench holds no exact copy, nor of
// what takes more than one transaction.
func (t *transition) scope(ctx context.Context, before map[Place]string, out *Transition) (*Scope, error) {
	oneTransaction := !slices.ContainsFunc(out.Statements, func(s Statement) bool { return !s.Transactional })
	if !oneTransaction || len(t.growth)+len(t.absent)+len(t.inexact) > 0 {
		return nil, nil
	}
	after, err := t.bench.Marks(ctx, t.bench.Schema)
	if err != nil {
		return nil, err
	}
	return newScope(before, after, t.from, out.Lines), nil
}

// look returns the transition that the statements have turned out to be.
func (t *transition) look(ctx context.Context, statements []Statement) (*Transition, error) {
	lines, err := t.bench.lines(ctx)
	if err != nil {
		return nil, err
	}
	lines = append(lines, t.absent...)
	c := t.blueprint.Compare(lines, t.to.Lines, t.made)
	return &Transition{
		Statements: statements, To: FingerprintOf(lines), Lines: lines,
		Unplanned: c.Differing, Kept: c.Kept, Unmanaged: c.Unmanaged,
	}, nil
}

// before reports whether a difference is mended before the engine's turn: what
// the engine cannot make and may need, and where the way is cleared for it, the
// types of columns too, since the engine knows no USING.
func (t *transition) before(d Difference, thorough bool) bool {
	switch d.Kind {
	case KindDomain, KindDomainConstraint, KindComposite, KindRange, KindSequence, KindFunction, KindProcedure, KindAggregate:
		return !d.Unexpected
	case KindEnum:
		return thorough && !d.Unexpected
	case KindColumn:
		return thorough && !d.Unexpected && !d.Missing && !isGenerated(d.Have+d.Want)
	}
	return false
}

// mend plans and runs the residue of the differences asked for, but for what is
// kept by policy or not ours, until that helps no more: what is made anew may
// lose a comment, say.
func (t *transition) mend(ctx context.Context, asked func(Difference) bool) ([]Statement, error) {
	var out []Statement
	var before []Line
	for {
		from, want, err := t.residue(ctx, asked)
		if all := slices.Concat(from, want); err != nil || len(all) == 0 || slices.Equal(all, before) {
			return out, err
		} else {
			before = all
		}
		ran, err := t.bench.runUntilStuck(ctx, residueInOrder(t.bench.Schema, from, want, t.columns))
		if err != nil || len(ran) == 0 {
			return out, err
		}
		out = append(out, ran...)
	}
}

// residue returns the lines that differ of what was asked for: as they are, and
// as they should be.
func (t *transition) residue(ctx context.Context, asked func(Difference) bool) (from, want []Line, err error) {
	have, err := t.bench.lines(ctx)
	if err != nil {
		return nil, nil, err
	}
	differences := Differences(have, t.to.Lines)
	for _, d := range differences {
		if !planned(d.Kind) || !asked(d) || t.blueprint.Diff.keeps(d, differences) || d.unmanaged(t.made) {
			continue
		}
		if !d.Missing {
			from = append(from, t.onBench(d, d.Have))
		}
		if !d.Unexpected {
			want = append(want, t.onBench(d, d.Want))
		}
	}
	return from, want, nil
}

func (t *transition) onBench(d Difference, definition string) Line {
	return Line{Kind: d.Kind, Table: d.Table, Name: d.Name, Definition: t.bench.sharedOnBench(definition)}
}

func contains(lines []Line, l Line) bool { return slices.Contains(lines, l) }

func containsKey(lines []Line, l Line) bool {
	return slices.ContainsFunc(lines, func(o Line) bool { return o.key() == l.key() })
}

// vanished returns the lines of before whose subject is not in after.
func vanished(before, after []Line) []Line {
	left := make(map[Line]bool, len(after))
	for _, l := range after {
		left[l.key()] = true
	}
	var out []Line
	for _, l := range before {
		if !left[l.key()] {
			out = append(out, l)
		}
	}
	return out
}

// cascade turns a drop into one that takes along what depends on it.
func cascade(drop string) string { return strings.TrimSuffix(drop, ";") + " CASCADE" }
