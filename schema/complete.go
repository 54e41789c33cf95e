package schema

import (
	"context"
	"slices"
)

// complete adds to what an engine has made of a blueprint what the engine has
// left out: an older Atlas reads over what it does not know, without a word, and a
// schema that silently lacks a constraint is worse than one that is refused. The
// library reads the same HCL, and where it knows all of it, what it makes and the
// engine has not made is made anew. Where it does not, the engine's word counts;
// what only the engine has made stays. So both engines come to the same wherever
// both understand. It returns the statements that did it.
func (p *Planner) complete(ctx context.Context, bench *Bench, b *Blueprint) ([]Statement, error) {
	if p.Engine.Version() == (Native{}).Version() || len(b.external) > 0 {
		return nil, nil
	}
	want, err := p.secondReading(ctx, bench, b)
	if err != nil || want == nil {
		return nil, err
	}
	var out []Statement
	var before []Line
	for {
		have, err := bench.lines(ctx)
		if err != nil {
			return nil, err
		}
		from, to := leftOut(bench, have, want)
		if all := slices.Concat(from, to); len(all) == 0 || slices.Equal(all, before) {
			return out, nil
		} else {
			before = all
		}
		ran, err := bench.runUntilStuck(ctx, residue(bench.Schema, from, to))
		if err != nil || len(ran) == 0 {
			return out, err
		}
		out = append(out, ran...)
	}
}

// secondReading returns the lines of what the library makes of a blueprint, or nil
// where it does not know all of it. It leaves the bench as it was.
func (p *Planner) secondReading(ctx context.Context, bench *Bench, b *Blueprint) (lines []Line, err error) {
	library := &Planner{Engine: Native{}}
	statements, failure := library.create(ctx, bench, b)
	if failure != nil {
		return nil, ctx.Err()
	}
	return lines, bench.attempt(ctx, func() error {
		if _, err := bench.ExecContext(ctx, "DROP SCHEMA "+QuoteIdent(bench.Schema)+" CASCADE"); err != nil {
			return err
		}
		all := make([]string, len(statements))
		for i, s := range statements {
			all[i] = inTransaction(s)
		}
		if err := bench.enter(ctx, bench.Schema); err != nil {
			return err
		}
		done, err := bench.atOnce(ctx, all)
		if err != nil || !done {
			return err
		}
		lines, err = bench.lines(ctx)
		return err
	})
}

// leftOut returns the lines that differ from those wanted, as they are and as
// they should be; what is not wanted is left alone.
func leftOut(bench *Bench, have, want []Line) (from, to []Line) {
	for _, d := range Differences(have, want) {
		if d.Unexpected || !planned(d.Kind) {
			continue
		}
		l := d.Line
		if !d.Missing {
			l.Definition = bench.sharedOnBench(d.Have)
			from = append(from, l)
		}
		l.Definition = bench.sharedOnBench(d.Want)
		to = append(to, l)
	}
	return from, to
}
