package schema

import "context"

// Much of what changes is in the way of something else that changes: a view on
// a column that gets another type, a foreign key on an index that becomes a
// constraint, a name that goes from one object to another. What holds no rows
// can be dropped first and made anew in the end; the lines say how.

// clear drops what is to go or to change and holds no rows, with what depends on
// it. Sparingly, that is objects only: views, triggers and their like. Thoroughly,
// it is indexes, constraints, defaults and generated columns as well.
func (t *transition) clear(ctx context.Context, thorough bool) ([]Statement, error) {
	gone := t.inexact
	differences := Differences(t.from, t.to.Lines)
	for _, d := range differences {
		l := Line{Kind: d.Kind, Table: d.Table, Name: d.Name, Definition: d.Have}
		if !d.Missing && t.clearable(l, thorough) && !t.blueprint.Diff.keeps(d, differences) && !contains(gone, l) {
			gone = append(gone, l)
		}
	}
	gone, err := t.changeable(ctx, gone)
	if err != nil {
		return nil, err
	}
	dependent, err := t.dependents(ctx, gone, differences, thorough)
	if err != nil {
		return nil, err
	}
	gone = append(gone, dependent...)
	if len(gone) == 0 {
		return nil, nil
	}
	statements, err := t.bench.runUntilStuck(ctx, residue(t.bench.Schema, gone, nil))
	for i := range statements {
		statements[i].Comment = "make way for what follows"
	}
	return statements, err
}

// clearable reports whether a line can be dropped without the loss of a row,
// and is ours to drop.
func (t *transition) clearable(l Line, thorough bool) bool {
	switch l.Kind {
	case KindSequence, KindRowSecurity, KindObjectComment:
		return false // the first holds its next value, the others are in nobody's way
	case KindConstraint, KindIndex, KindDefault, KindReplicaIdentity:
		return thorough
	case KindColumn:
		return thorough && isGenerated(l.Definition) && containsKey(t.to.Lines, l)
	}
	return !l.Kind.IsStructure() && planned(l.Kind) && (containsKey(t.made, l) || containsKey(t.to.Lines, l))
}

// changeable leaves out the routines that can be changed in their place.
func (t *transition) changeable(ctx context.Context, gone []Line) ([]Line, error) {
	want := make(map[Line]Line, len(t.to.Lines))
	for _, l := range t.to.Lines {
		want[l.key()] = l
	}
	var out []Line
	for _, l := range gone {
		to, stays := want[l.key()]
		if stays && (l.Kind == KindFunction || l.Kind == KindProcedure || l.Kind == KindAggregate) {
			works, err := t.works(ctx, residue(t.bench.Schema, nil, []Line{to}))
			if err != nil {
				return nil, err
			}
			if works {
				continue
			}
		}
		out = append(out, l)
	}
	return out, nil
}

// works reports whether all of the remedies run as things are. Nothing of them
// stays.
func (t *transition) works(ctx context.Context, remedies []remedy) (works bool, err error) {
	err = t.bench.attempt(ctx, func() error {
		ran, err := t.bench.runUntilStuck(ctx, remedies)
		works = len(ran) == len(remedies)
		return err
	})
	return works, err
}

// dependents returns what would fall with the lines that are to go, and with
// the tables and columns that are to go or to change their type: found by letting
// it fall, and undoing that.
func (t *transition) dependents(ctx context.Context, gone []Line, differences []Difference, thorough bool) ([]Line, error) {
	falls := t.falls(gone, differences, thorough)
	if len(falls) == 0 {
		return nil, nil
	}
	var after []Line
	err := t.bench.attempt(ctx, func() error {
		if err := t.bench.enter(ctx, t.bench.Schema); err != nil {
			return err
		}
		for _, sql := range falls {
			if _, err := t.bench.try(ctx, sql); err != nil {
				return err
			}
		}
		var err error
		after, err = t.bench.lines(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	kept := make(map[Line]bool)
	for _, d := range differences {
		kept[d.Line.key()] = t.blueprint.Diff.keeps(d, differences)
	}
	var out []Line
	for _, l := range vanished(t.from, after) {
		if t.clearable(l, thorough) && !kept[l.key()] && !contains(gone, l) {
			out = append(out, l)
		}
	}
	return out, nil
}

// falls returns the statements that take everything along.
func (t *transition) falls(gone []Line, differences []Difference, thorough bool) []string {
	var out []string
	for _, r := range residue(t.bench.Schema, gone, nil) {
		out = append(out, cascade(r.ways[0]))
	}
	r := residuePlan{schema: QuoteIdent(t.bench.Schema)}
	for _, d := range differences {
		switch {
		case d.Kind == KindColumn && !d.Missing:
			out = append(out, cascade(r.alter(d.Table)+"DROP COLUMN "+QuoteIdent(d.Name)))
		case d.Kind == KindTable && d.Unexpected:
			out = append(out, cascade("DROP TABLE "+r.name(d.Name)))
		case thorough && d.Kind.isType() && !d.Missing:
			out = append(out, cascade("DROP TYPE "+r.name(d.Name)))
		}
	}
	return out
}

// isType reports whether the kind is a type that columns can have.
func (k Kind) isType() bool {
	switch k {
	case KindEnum, KindDomain, KindComposite, KindRange:
		return true
	}
	return false
}
