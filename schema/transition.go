package schema

import (
	"context"
	"strings"
)

// transition is the planning of one Transition on a bench.
type transition struct {
	bench     *Bench
	blueprint *Blueprint
	to        *Compiled
	from      []Line
	made      []Line
	absent    []Line // live objects that the bench's copy lacks
}

// plan runs the engine's plan and then the residue's on the bench, and looks
// at what has come of it.
func (t *transition) plan(ctx context.Context, engine Engine) (*Transition, error) {
	drops, err := t.dropObjects(ctx)
	if err != nil {
		return nil, err
	}
	planned, err := engine.Plan(ctx, t.bench, t.blueprint, t.to)
	if err != nil {
		return nil, err
	}
	if err := t.bench.run(ctx, t.bench.Schema, planned); err != nil {
		return nil, err
	}
	rest, lines, err := t.residue(ctx)
	if err != nil {
		return nil, err
	}
	lines = append(lines, t.absent...)
	out := &Transition{To: FingerprintOf(lines)}
	for _, s := range append(append(drops, planned...), rest...) {
		out.Statements = append(out.Statements, s.mapSQL(func(sql string) string {
			return resolveShared(templateOf(sql, t.bench), t.to.Shared)
		}))
	}
	c := t.blueprint.Compare(lines, t.to.Lines, t.made)
	out.Unplanned, out.Kept, out.Unmanaged = c.Differing, c.Kept, c.Unmanaged
	return out, nil
}

// dropObjects drops the objects that a blueprint made and that are to change or
// go, before tables that they depend on change under them.
func (t *transition) dropObjects(ctx context.Context) ([]Statement, error) {
	var gone []Line
	for _, l := range t.from {
		if !l.Kind.IsStructure() && t.managed(l) && !contains(t.to.Lines, l) {
			gone = append(gone, l)
		}
	}
	if len(gone) == 0 {
		return nil, nil
	}
	return t.runResidue(ctx, residue(t.bench.Schema, gone, nil))
}

// managed reports whether a blueprint made the object: the one that the schema
// was last brought to, or the one that it is to be brought to.
func (t *transition) managed(l Line) bool {
	return containsKey(t.made, l) || containsKey(t.to.Lines, l)
}

// residue plans and runs what the engine left, but for what is kept by policy
// or not ours. It returns the statements that worked and the lines at the end.
func (t *transition) residue(ctx context.Context) ([]Statement, []Line, error) {
	have, err := t.bench.lines(ctx)
	if err != nil {
		return nil, nil, err
	}
	differences := Differences(have, t.to.Lines)
	var from, want []Line
	for _, d := range differences {
		if t.blueprint.Diff.keeps(d, differences) || d.unmanaged(t.made) {
			continue
		}
		if !d.Missing {
			from = append(from, Line{Kind: d.Kind, Table: d.Table, Name: d.Name, Definition: t.bench.sharedOnBench(d.Have)})
		}
		if !d.Unexpected {
			want = append(want, Line{Kind: d.Kind, Table: d.Table, Name: d.Name, Definition: t.bench.sharedOnBench(d.Want)})
		}
	}
	if len(from)+len(want) == 0 {
		return nil, have, nil
	}
	statements, err := t.runResidue(ctx, residue(t.bench.Schema, from, want))
	if err != nil {
		return nil, nil, err
	}
	lines, err := t.bench.lines(ctx)
	return statements, lines, err
}

func (t *transition) runResidue(ctx context.Context, statements []string) ([]Statement, error) {
	ran, err := t.bench.runUntilStuck(ctx, statements)
	if err != nil {
		return nil, err
	}
	var out []Statement
	for _, sql := range ran {
		out = append(out, Statement{SQL: sql, Comment: "what Atlas does not see", Transactional: true})
	}
	return out, nil
}

// sharedOnBench puts the scratch names of shared schemas into a definition that
// names the real ones, as "identity.users" in a foreign key.
func (b *Bench) sharedOnBench(definition string) string {
	for name, scratch := range b.Shared {
		definition = replaceQualifier(definition, bareIdent(name)+".", scratch+".")
	}
	return definition
}

// replaceQualifier replaces a schema's qualifier where it begins a name: not
// within a longer identifier. Where it does so in a text by mistake, the copy
// differs from the original, and that is found.
func replaceQualifier(s, qualifier, with string) string {
	var out strings.Builder
	for {
		i := strings.Index(s, qualifier)
		if i < 0 {
			return out.String() + s
		}
		out.WriteString(s[:i])
		if i > 0 && strings.ContainsAny(s[i-1:i], `abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$".`) {
			out.WriteString(qualifier)
		} else {
			out.WriteString(with)
		}
		s = s[i+len(qualifier):]
	}
}

func contains(lines []Line, l Line) bool {
	for _, o := range lines {
		if o == l {
			return true
		}
	}
	return false
}

func containsKey(lines []Line, l Line) bool {
	for _, o := range lines {
		if o.key() == l.key() {
			return true
		}
	}
	return false
}
