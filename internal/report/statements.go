package report

import (
	"cmp"
	"slices"
	"strings"

	"tenantry/reconcile"
	"tenantry/schema"
)

// statements shows the SQL of a change: all of it in a dry run, for that is what
// a reviewer has to read; of what is done, only what it destroyed.
func (t *text) statements(b *block) {
	switch {
	case b.step == nil || len(b.step.Statements) == 0:
	case t.style.Verbose, !b.done && !b.firstSeen():
		t.sql(b)
	case b.kind == blocked:
		them := "it"
		if len(b.targets) > 1 {
			them = "them"
		}
		t.say(2, dim, count(len(b.step.Statements), "statement")+" would change "+them, " ("+verboseHint+")")
	default:
		t.hazards(b)
		t.say(2, dim, count(len(b.step.Statements), "statement"), " ("+verboseHint+")")
	}
}

// firstSeen reports whether the targets are not ours yet. What would become of
// them is of interest once somebody thinks of taking them over.
func (b *block) firstSeen() bool {
	return b.kind == blocked && b.first().Reason == reconcile.ReasonFirstSeen
}

// hazards names what the step destroys.
func (t *text) hazards(b *block) {
	if b.step == nil {
		return
	}
	for _, s := range b.step.Statements {
		for _, h := range s.Hazards {
			if h.Code == schema.HazardDestructive {
				t.say(2, red, destroysData+":", " "+h.Message)
			}
		}
	}
}

// sql writes the step's statements, each hazard as a comment above its own. One
// target's are ready to run; those of several have {schema} in them.
func (t *text) sql(b *block) {
	if t.noted {
		t.w.WriteByte('\n') // what was said is not a part of it
	}
	for _, s := range b.step.Statements {
		c := plain
		for _, note := range b.remarks(s, t.style.Verbose) {
			if s.Destructive() {
				c = red
			}
			t.code(4, cmp.Or(c, dim), "-- "+clean(note))
		}
		t.code(4, c, terminated(b.render(s)))
	}
}

// render returns a statement for the block's one schema, or the template that
// stands for several.
func (b *block) render(s schema.Statement) string {
	for _, t := range b.targets {
		if t.Names() != b.first().Names() {
			return s.SQL
		}
	}
	return s.In(b.first().Names())
}

// remarks returns what to say above one of the block's statements. What was
// said at the head of the block is only marked.
func (b *block) remarks(s schema.Statement, verbose bool) []string {
	if b.kind == blocked && s.Destructive() {
		s.Hazards = slices.Clone(s.Hazards)
		for i := range s.Hazards {
			if s.Hazards[i].Code == schema.HazardDestructive {
				s.Hazards[i].Message = ""
			}
		}
	}
	return remarks(s, b.kind == create, verbose)
}

// remarks returns what to say above a statement. What depends on data is left
// out for a schema that is only being made: it has none.
func remarks(s schema.Statement, fresh, verbose bool) []string {
	var out []string
	if verbose && s.Comment != "" {
		out = append(out, s.Comment)
	}
	for _, h := range s.Hazards {
		switch {
		case h.Code == schema.HazardDestructive:
			out = append(out, strings.TrimSuffix(destroysData+": "+h.Message, ": "))
		case h.Code != schema.HazardDataDependent:
			out = append(out, hazardWords(h.Code)+": "+h.Message)
		case !fresh:
			out = append(out, dependsOnData+": "+h.Message)
		}
		if verbose && h.Alternative != "" {
			out = append(out, "  safer: "+h.Alternative)
		}
	}
	switch {
	case !s.Transactional:
		out = append(out, "outside a transaction")
	case s.Alone:
		out = append(out, "in a transaction of its own")
	}
	return out
}

// hazardWords says what a hazard's code means.
func hazardWords(code schema.HazardCode) string {
	switch code {
	case schema.HazardRewritesTable:
		return "rewrites the table"
	case schema.HazardBlocksReads:
		return "blocks reads and writes"
	case schema.HazardBlocksWrites:
		return "blocks writes"
	case schema.HazardDropsConstraint:
		return "drops a constraint"
	}
	return string(code)
}

// terminated ends a statement with a semicolon: on a line of its own where the
// last line may end in a comment. One too many does no harm.
func terminated(sql string) string {
	sql = strings.TrimSpace(sql)
	last := sql[strings.LastIndexAny(sql, "\r\n")+1:]
	switch {
	case strings.Contains(last, "--"):
		return sql + "\n;"
	case strings.HasSuffix(sql, ";"):
		return sql
	}
	return sql + ";"
}

// smallCreation is how many lines of SQL a new schema may take and still be
// shown in full.
const smallCreation = 16

// creation shows how schemas are made. A real product's take a hundred
// statements, which nobody reads for the tenth tenant: then it is an inventory.
func (t *text) creation(b *block) {
	if b.step == nil || len(b.step.Statements) == 0 {
		return
	}
	lines, long := 0, false
	for _, s := range b.step.Statements {
		lines += 1 + strings.Count(strings.TrimSpace(s.SQL), "\n")
		long = long || len(s.SQL) > 400
	}
	if t.style.Verbose || !b.done && lines <= smallCreation && !long {
		t.sql(b)
		return
	}
	if b.done {
		return // it was reviewed before, or need not be
	}
	for _, line := range inventory(b.step.Statements) {
		t.say(2, plain, "", line)
	}
	t.say(2, dim, verboseHint, "")
}
