package report

import (
	"slices"
	"strings"

	"tenantry/internal/diag"
	"tenantry/reconcile"
)

// mistakes begins the section of what went wrong with what is wrong, or to be
// warned of, in the files.
func (m *markdown) mistakes() section {
	s := section{title: "Warnings", head: table("Where", "What is wrong")}
	isError := func(d reconcile.Diagnostic) bool { return d.Severity == diag.Error }
	isFailure := func(b *block) bool { return b.kind == failed || b.kind == skipped }
	if slices.ContainsFunc(m.report.Plan.Diagnostics, isError) || slices.ContainsFunc(m.blocks, isFailure) {
		s.title = "Errors"
	}
	for _, d := range m.report.Plan.Diagnostics {
		s.rows = append(s.rows, row{text: func() string { return mistake(d) }})
	}
	return s
}

// mistake is the row of a diagnostic.
func mistake(d reconcile.Diagnostic) string {
	what := inlineLines(d.Message)
	if d.Hint != "" {
		what += " (" + inline(d.Hint) + ")"
	}
	if d.Severity != diag.Error {
		what = inline(string(d.Severity)) + ": " + what
	}
	return tableRow(place(d.Pos()), what+" "+inlineCode(d.Code))
}

// place shows a position, where it is known.
func place(pos diag.Pos) string {
	if pos.File == "" {
		return ""
	}
	return inlineCode(pos.String())
}

// failure is the row of targets that failed, or were not begun.
func (m *markdown) failure(b *block) row {
	return row{func() string {
		_, lead := b.lead()
		return tableRow(place(b.position()), "**"+lead+"** "+m.subject(b.targets)+"<br/>"+inlineLines(b.cause()))
	}, len(b.targets)}
}

// position returns where a reader finds the first of the block's targets: where
// its error is, else where it is asked for.
func (b *block) position() diag.Pos {
	t := b.first()
	for _, d := range t.Diagnostics {
		if d.File != "" {
			return d.Pos()
		}
	}
	if t.Source != nil {
		return *t.Source
	}
	return diag.Pos{}
}

// leftAlone lists what differs on purpose, and what no file asks for.
func (m *markdown) leftAlone() section {
	s := section{title: "Left alone"}
	kept, unmanaged, repaired, steps := newRemains(), newRemains(), newRemains(), stepsOf(m.report.Plan)
	var orphans []string
	for i := range m.report.Plan.Targets {
		t := &m.report.Plan.Targets[i]
		repaired.add(repairs(t), t)
		if step := steps[t.Step]; step != nil {
			kept.add(step.Kept, t)
			unmanaged.add(step.Unmanaged, t)
		}
		if t.Action == reconcile.ActionOrphaned {
			orphans = append(orphans, inlineCode(t.Schema))
		}
	}
	if len(orphans) > 0 {
		s.say("no longer in the file: "+count(len(orphans), "schema")+", "+names(orphans, false), len(orphans))
	}
	m.remains(&s, kept, "kept by the diff policy of atlas.hcl")
	m.remains(&s, unmanaged, "made by no blueprint")
	m.remains(&s, repaired, "by --repair")
	return s
}

// say adds an item to a section that is a list.
func (s *section) say(words string, targets int) {
	s.rows = append(s.rows, row{func() string { return "- " + words }, targets})
}

func (m *markdown) remains(s *section, r *remains, why string) {
	for _, key := range r.order {
		s.say(why+", in "+m.subject(r.targets[key])+": "+strings.Join(marked("", r.lines[key]), "; "), len(r.targets[key]))
	}
}
