package report

import (
	"slices"
	"strings"

	"tenantry/reconcile"
	"tenantry/schema"
)

// sections returns the parts of the page, in the order in which they need
// somebody. Those with nothing in them are left out.
func (m *markdown) sections() []section {
	dangerous := section{title: "Blocked, or destroys data", head: table("", "Who", "Why")}
	mistakes := m.mistakes()
	changes := section{title: "Changes", head: table("", "Who", "What")}
	drift := section{title: "Drift", head: table("Who", "What is not as it was left")}
	for _, b := range m.blocks {
		switch {
		case b.kind == failed || b.kind == skipped:
			mistakes.rows = append(mistakes.rows, m.failure(b))
		case b.kind == blocked || b.destroys():
			m.add(&dangerous, b)
		case b.mends():
			m.add(&drift, b)
		default:
			m.add(&changes, b)
		}
	}
	var out []section
	for _, s := range []section{dangerous, mistakes, changes, drift, m.leftAlone()} {
		if len(s.rows) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// table returns the head of a table.
func table(columns ...string) string {
	return tableRow(columns...) + "\n|" + strings.Repeat("---|", len(columns)) + "\n"
}

// tableRow returns a row of a table. What is in it is Markdown without line breaks
// and bars.
func tableRow(all ...string) string { return "| " + strings.Join(all, " | ") + " |" }

// destroys reports whether the block's step destroys data.
func (b *block) destroys() bool { return b.step != nil && b.step.Destructive() }

// add puts a block into a section.
func (m *markdown) add(s *section, b *block) {
	s.rows = append(s.rows, row{func() string { return m.row(b) }, len(b.targets)})
	if b.step == nil || len(b.step.Statements) == 0 {
		return
	}
	size := 0
	for _, stmt := range b.step.Statements {
		size += len(stmt.SQL)
	}
	s.details = append(s.details, detail{func() string { return m.detail(b) }, size, len(b.step.Statements)})
}

// row says what happens to a block's targets.
func (m *markdown) row(b *block) string {
	who, why := m.subject(b.targets), strings.Join(b.reasons(), "<br/>")
	_, lead := b.lead()
	switch {
	case b.kind == blocked:
		return tableRow("**"+lead+"** "+b.verb(), who, why)
	case b.mends():
		return tableRow(who, why)
	}
	return tableRow(lead, who, why)
}

// mends reports whether the block does nothing but repair what has drifted.
func (b *block) mends() bool {
	return b.kind == change && b.first().Reason == reconcile.ReasonDrifted && !b.destroys()
}

// reasons says why something is done, or may not be done, line by line.
func (b *block) reasons() []string {
	var out []string
	if b.step != nil {
		out = marked("**"+destroysData+"**: ", messages(b.step, schema.HazardDestructive))
	}
	if b.own() != "" {
		out = append(out, inlineLines(b.own()))
	}
	if why := b.why(); why != "" && (b.kind != blocked || b.own() == "") {
		out = append(out, inline(why))
	}
	out = append(out, marked("", b.first().Drift)...)
	if b.step == nil {
		return out
	}
	if b.kind == create {
		out = append(out, marked("", inventory(b.step.Statements))...)
	} else {
		out = append(out, marked(dependsOnData+": ", messages(b.step, schema.HazardDataDependent))...)
		for _, code := range []schema.HazardCode{schema.HazardRewritesTable, schema.HazardBlocksReads, schema.HazardBlocksWrites, schema.HazardDropsConstraint, schema.HazardIncompatible} {
			out = append(out, marked(hazardWords(code)+": ", messages(b.step, code))...)
		}
	}
	return append(out, marked("**unplanned**: ", b.step.Unplanned)...)
}

// why returns the words for the block's reason, where something else does not
// say it.
func (b *block) why() string {
	switch reason := b.first().Reason; {
	case reason == reconcile.ReasonDrifted && len(b.first().Drift) > 0, reason == reconcile.ReasonUnplanned, reason == reconcile.ReasonMissing:
		return ""
	case reason == reconcile.ReasonDefinitionChanged:
		return "the definition has changed"
	case reason == reconcile.ReasonHazard && b.kind == blocked:
		return deniedByPolicy
	case reason == reconcile.ReasonFirstSeen && b.kind == blocked:
		return neverManaged
	case reason == reconcile.ReasonFirstSeen:
		return takenOver
	default:
		return reasonWords(reason)
	}
}

// messages returns what the step's hazards of one kind say, each once: a change
// may take several statements.
func messages(step *reconcile.Step, code schema.HazardCode) []string {
	var out []string
	for _, s := range step.Statements {
		for _, h := range s.Hazards {
			if h.Code == code && !slices.Contains(out, h.Message) {
				out = append(out, h.Message)
			}
		}
	}
	return out
}

// marked shows the first lines of a list, each after the same mark.
func marked(mark string, list []string) []string {
	var out []string
	for i, line := range list {
		if i == shortList-1 && len(list) > shortList {
			return append(out, "… and "+thousands(len(list)-i)+" more")
		}
		out = append(out, mark+inline(line))
	}
	return out
}

// detail shows the SQL of a block, folded up: of several targets the template,
// once.
func (m *markdown) detail(b *block) string {
	var sql strings.Builder
	for _, s := range b.step.Statements {
		for _, remark := range remarks(s, b.kind == create, false) {
			sql.WriteString("-- " + clean(remark) + "\n")
		}
		sql.WriteString(terminated(b.render(s)) + "\n")
	}
	return "\n<details>\n<summary>" + b.howMany() + " for " + m.subject(b.targets) + "</summary>\n\n" + b.template() + fence("sql", sql.String()) + "\n</details>\n"
}

// howMany counts the block's statements.
func (b *block) howMany() string {
	n := len(b.step.Statements)
	switch {
	case len(b.targets) == 1:
		return count(n, "statement")
	case n == 1:
		return "the same statement"
	}
	return "the same " + count(n, "statement")
}

// template explains what stands for the names of several schemas.
func (b *block) template() string {
	for _, t := range b.targets {
		if t.Schema != b.first().Schema {
			return "<code>{schema}</code> stands for the name of each schema.\n\n"
		}
	}
	return ""
}
