package report

import (
	"io"
	"strings"

	"tenantry/reconcile"
)

// MarkdownMarker is the first line of every report in Markdown. Whoever posts it
// as a comment finds the comment by that, and replaces it in place of adding one
// more. It does not show, and it does not change.
const MarkdownMarker = "<!-- tenantry-plan -->"

// MarkdownLimit is how long a report in Markdown is at most, in bytes. A comment
// of GitHub's takes 65,536 characters.
const MarkdownLimit = 60_000

// MarkdownOptions are what a report does not know of itself.
type MarkdownOptions struct {
	Apply string // the command line that carries the plan out; "" to leave it out
}

// Markdown writes a report for whoever reviews it, as the comment on a change:
// what may not be done, what destroys data and what went wrong first, then the
// changes, then drift. Targets that share a step are one row of a table, and
// their SQL is there once, folded up.
//
// It is never longer than MarkdownLimit. What does not fit is left out class by
// class, and said to be. Names, messages and SQL cannot break out of their
// places, whatever is in them, and mention nobody.
func Markdown(w io.Writer, r *reconcile.Report, o MarkdownOptions) error {
	m := markdownOf(r)
	head, foot := m.head(), m.foot(o)
	_, err := io.WriteString(w, head+fit(m.sections(), MarkdownLimit-len(head)-len(foot))+foot)
	return err
}

// markdown is the writing of one report.
type markdown struct {
	report *reconcile.Report
	fleet  fleet // whose names are Markdown already
	blocks []*block
}

func markdownOf(r *reconcile.Report) *markdown {
	named := *r.Plan
	named.Targets = make([]reconcile.PlannedTarget, len(r.Plan.Targets))
	for i := range r.Plan.Targets {
		named.Targets[i] = *dressed(&r.Plan.Targets[i])
	}
	return &markdown{report: r, fleet: fleetOf(&named), blocks: blocksOf(r)}
}

// dressed returns a target whose names are Markdown.
func dressed(t *reconcile.PlannedTarget) *reconcile.PlannedTarget {
	return &reconcile.PlannedTarget{Tenant: inlineCode(t.Tenant), Database: inlineCode(t.Database), Schema: inlineCode(t.Schema), Shared: t.Shared}
}

// subject names targets in a sentence.
func (m *markdown) subject(targets []*reconcile.PlannedTarget) string {
	named := make([]*reconcile.PlannedTarget, len(targets))
	for i, t := range targets {
		named[i] = dressed(t)
	}
	return m.fleet.subject(named, false)
}

// head is what every report begins with.
func (m *markdown) head() string {
	var b strings.Builder
	b.WriteString(MarkdownMarker + "\n### " + m.title() + "\n\n" + m.counts() + "\n")
	if m.report.Plan.Partial {
		b.WriteString("\n" + partialNote + "\n")
	}
	return b.String()
}

func (m *markdown) title() string {
	switch {
	case m.wrong():
		return "Tenantry: the files are wrong"
	case !m.report.DryRun():
		return "Tenantry: applied"
	}
	return "Tenantry: plan"
}

// wrong reports whether the files could not even be read.
func (m *markdown) wrong() bool {
	p := m.report.Plan
	return p.ID == "" && len(p.Targets) == 0 && len(p.Diagnostics) > 0
}

// counts sums the report up in one line.
func (m *markdown) counts() string {
	counted := tallyOf(m.report)
	switch {
	case m.wrong():
		return "**" + count(len(m.report.Plan.Diagnostics), "mistake") + "**. No database was touched."
	case m.report.Plan.Refused != "":
		return "**Refused, and nothing was run**: " + inline(m.report.Plan.Refused)
	case counted.nothing() && counted.unchanged == 0:
		return "**Nothing to do**: there are no targets."
	case counted.nothing():
		return "**Nothing to do**: " + count(counted.unchanged, "target") + " in sync."
	case m.report.DryRun():
		return "**" + counted.planned() + "**. Nothing was changed."
	}
	return "**" + counted.applied() + "** in " + took(m.report.Duration) + "."
}

// longCommand is how long a command line may be to be shown: one that is cut
// would do something else.
const longCommand = 1_000

// foot says which plan it was, and how to carry it out.
func (m *markdown) foot(o MarkdownOptions) string {
	var b strings.Builder
	r := m.report
	if counted := tallyOf(r); r.DryRun() && counted.work() > 0 {
		switch {
		case o.Apply == "":
		case len(o.Apply) > longCommand:
			b.WriteString("\nThe same command without <code>--dry-run</code> applies it.\n")
		default:
			b.WriteString("\nThis applies it:\n\n" + fence("sh", o.Apply))
		}
	}
	var identity []string
	for _, part := range []struct{ what, id string }{
		{"commit", r.Plan.Desired.Revision}, {"plan", r.Plan.ID}, {"run", r.RunID}, {"Tenantry", r.Plan.ToolVersion},
	} {
		if part.id != "" {
			identity = append(identity, part.what+" "+inlineCode(part.id))
		}
	}
	if len(identity) > 0 {
		b.WriteString("\n<sub>" + strings.Join(identity, " · ") + "</sub>\n")
	}
	return b.String()
}
