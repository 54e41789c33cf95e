package schema

// A Comparison tells apart what differs between a live schema and a blueprint.
type Comparison struct {
	Differing []Difference // what is not as it should be
	Kept      []Difference // what atlas.hcl's diff policy leaves as it is
	Unmanaged []Line       // objects that no blueprint ever made; not a difference
}

// Compare compares the lines of a live schema with those that the blueprint
// compiles to. made holds the lines of the blueprint that the schema was last
// brought to, if any.
func (b *Blueprint) Compare(have, want, made []Line) Comparison {
	var c Comparison
	differences := Differences(have, want)
	for _, d := range differences {
		switch {
		case d.Kind == KindMigrationHistory && d.Unexpected && b.FlywayHistory() != "": // it is kept, by whoever applies
		case d.unmanaged(made):
			c.Unmanaged = append(c.Unmanaged, Line{Kind: d.Kind, Table: d.Table, Name: d.Name, Definition: d.Have})
		case b.Diff.keeps(d, differences):
			d.KeptByPolicy = true
			c.Kept = append(c.Kept, d)
		default:
			c.Differing = append(c.Differing, d)
		}
	}
	return c
}

// unmanaged reports whether the difference is an object that no blueprint made:
// not the one at hand, or it would not be unexpected, and not the last one.
func (d Difference) unmanaged(made []Line) bool {
	return d.Unexpected && !d.Kind.IsStructure() && !containsKey(made, d.Line)
}
