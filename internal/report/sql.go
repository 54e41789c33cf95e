package report

import (
	"bufio"
	"cmp"
	"io"
	"slices"
	"strings"

	"tenantry/reconcile"
	"tenantry/schema"
)

// SQL writes a report as SQL that can be run: target by target in the order in
// which an apply takes them, each in a transaction of its own. What may not be
// done, and what an apply did not do, is there as comments.
func SQL(w io.Writer, r *reconcile.Report) error {
	s := script{w: bufio.NewWriter(w), report: r, fleet: fleetOf(r.Plan), steps: stepsOf(r.Plan)}
	s.header()
	database := ""
	for n, i := range s.order() {
		t := &r.Plan.Targets[i]
		if s.fleet.several() && (n == 0 || t.Database != database) {
			s.off = false
			s.raw("")
			s.comment("In the database " + t.Database + ":")
		}
		database = t.Database
		s.target(t, outcomeOf(r, i))
	}
	return s.w.Flush() // bufio keeps the first error
}

// script is the writing of one report.
type script struct {
	w      *bufio.Writer
	report *reconcile.Report
	fleet  fleet
	steps  map[string]*reconcile.Step
	off    bool // what is written is commented out
}

// order returns the indexes of the targets of which there is something to say,
// database by database and wave by wave.
func (s *script) order() []int {
	var out []int
	targets := s.report.Plan.Targets
	place := make(map[string]int)
	for i, name := range s.fleet.databases {
		place[name] = i
	}
	for i := range targets {
		if kindOf(&targets[i], outcomeOf(s.report, i)) != nothing {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(i, j int) int {
		a, b := &targets[i], &targets[j]
		return cmp.Or(cmp.Compare(place[a.Database], place[b.Database]), cmp.Compare(a.Wave, b.Wave))
	})
	return out
}

func (s *script) header() {
	p := s.report.Plan
	s.comment("Tenantry " + p.ToolVersion + ", plan " + p.ID)
	if p.Desired.Revision != "" {
		s.comment("of revision " + p.Desired.Revision)
	}
	if s.report.RunID != "" {
		s.comment("as applied by run " + s.report.RunID)
	}
	if p.Partial {
		s.comment(partialNote)
	}
	if p.Refused != "" {
		s.comment("Refused, and nothing was run: " + p.Refused)
		return
	}
	if tallyOf(s.report).nothing() {
		s.comment("Nothing to do.")
		return
	}
	s.comment("Let it stop at the first error: psql -v ON_ERROR_STOP=1. The next reconcile finds what was done and records it.")
}

func (s *script) target(t *reconcile.PlannedTarget, o reconcile.Outcome) {
	k, step := kindOf(t, o), s.steps[t.Step]
	what := "tenant "
	if t.Shared {
		what = "shared service "
	}
	s.off = false
	s.raw("")
	s.comment(what + t.Tenant + ", schema " + t.Schema + ", database " + t.Database + ": " + string(t.Action))
	if n := t.Names(); n.From != n.Schema && t.Action != reconcile.ActionNone {
		s.comment("from schema " + n.From + " to schema " + n.Schema)
	}
	if t.Step != "" {
		s.comment("step " + t.Step)
	}
	if why := hindrance(t, o, k); why != "" {
		s.comment(why)
		s.off = true
	}
	if step == nil {
		return
	}
	for _, line := range step.Unplanned {
		s.comment("unplanned: " + line)
	}
	s.statements(t, step)
}

// hindrance says why a target's statements are not to be run, or "".
func hindrance(t *reconcile.PlannedTarget, o reconcile.Outcome, k kind) string {
	message := messageOf(t, o)
	switch {
	case k == failed || k == skipped:
		word := "failed: "
		if k == skipped {
			word = "skipped: "
		}
		return word + message
	case k != blocked:
		return ""
	case message != "":
		return "blocked: " + message
	case t.Reason == reconcile.ReasonHazard:
		return "blocked: " + deniedByPolicy
	case t.Reason == reconcile.ReasonFirstSeen:
		return "blocked: " + neverManaged
	}
	return "blocked: " + reasonWords(t.Reason)
}

// statements writes the transaction, and after it what cannot run in one.
func (s *script) statements(t *reconcile.PlannedTarget, step *reconcile.Step) {
	var inside, outside []schema.Statement
	for _, stmt := range step.Statements {
		if stmt.Transactional {
			inside = append(inside, stmt)
		} else {
			outside = append(outside, stmt)
		}
	}
	path := "search_path = " + schema.QuoteIdent(t.Names().Schema) + ", public;"
	fresh := step.Action == reconcile.ActionCreate
	if len(inside) > 0 {
		s.raw("BEGIN;")
		s.raw("SET LOCAL " + path)
		s.each(inside, t, fresh)
		s.raw("COMMIT;")
	}
	if len(outside) > 0 {
		s.raw("SET " + path)
		s.each(outside, t, fresh)
		s.raw("RESET search_path;")
	}
}

func (s *script) each(statements []schema.Statement, t *reconcile.PlannedTarget, fresh bool) {
	for _, stmt := range statements {
		for _, note := range remarks(stmt, fresh, true) {
			s.comment(note)
		}
		s.raw(terminated(stmt.In(t.Names())))
	}
}

// comment writes a comment of one line, whatever is in it.
func (s *script) comment(words string) {
	s.w.WriteString(strings.TrimRight("-- "+clean(words), " ") + "\n")
}

// lineBreaks are what ends a comment for PostgreSQL's scanner, see newline in
// https://github.com/postgres/postgres/blob/master/src/backend/parser/scan.l.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// raw writes SQL exactly as it is, or all of its lines as comments.
func (s *script) raw(sql string) {
	if !s.off {
		s.w.WriteString(sql + "\n")
		return
	}
	for line := range strings.SplitSeq(lineBreaks.Replace(sql), "\n") {
		s.w.WriteString("-- " + line + "\n")
	}
}
