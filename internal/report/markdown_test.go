package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"tenantry/internal/diag"
	"tenantry/reconcile"
	"tenantry/schema"
)

const applyCommand = "reconcile --file examples/tenants.yaml"

func markdownText(t testing.TB, r *reconcile.Report) string {
	t.Helper()
	var b strings.Builder
	if err := Markdown(&b, r, MarkdownOptions{Apply: applyCommand}); err != nil {
		t.Fatal(err)
	}
	if b.Len() > MarkdownLimit {
		t.Errorf("%d bytes, more than %d", b.Len(), MarkdownLimit)
	}
	return b.String()
}

func TestMarkdownShowsWhatAReviewerMustKnow(t *testing.T) {
	t.Parallel()
	golden(t, "markdown-dry-run", markdownText(t, everything()))
	golden(t, "markdown-hostile", markdownText(t, hostile()))
	outcomes := map[string]reconcile.Outcome{
		"tenant_acme": {Result: reconcile.ResultFailed, Error: `main.tenant_acme: ERROR: permission denied for schema "tenant_acme" (SQLSTATE 42501); at: CREATE SCHEMA "tenant_acme"`},
		"tenant_half": {Result: reconcile.ResultSkipped, Error: "the run was stopped before its turn"},
	}
	golden(t, "markdown-apply", markdownText(t, apply(everything(), outcomes)))
}

func TestMarkdownOfOneAddedColumn(t *testing.T) {
	t.Parallel()
	add := step("add", reconcile.ActionChange,
		sql(`ALTER TABLE {schema}."posts" ADD COLUMN "pinned" boolean NOT NULL DEFAULT false`),
		sql(`CREATE INDEX "posts_pinned" ON {schema}."posts" ("pinned")`))
	var targets []reconcile.PlannedTarget
	for i := range 37 {
		targets = append(targets, target(fmt.Sprintf("customer-%02d", i+1), reconcile.ActionChange, reconcile.ReasonDefinitionChanged, "add"))
	}
	got := markdownText(t, dryRun([]reconcile.Step{add}, targets...))
	golden(t, "markdown-one-class", got)
	if n := strings.Count(got, `ADD COLUMN "pinned"`); n != 1 {
		t.Errorf("the statement is there %d times", n)
	}
}

func TestMarkdownOfWrongFilesSaysWhere(t *testing.T) {
	t.Parallel()
	r := dryRun(nil)
	r.Plan.ID, r.Plan.Desired = "", reconcile.DesiredID{}
	r.Plan.Diagnostics = []reconcile.Diagnostic{
		{File: "tenants.yaml", Line: 2, Column: 5, Severity: diag.Error, Code: "unknown-field", Message: `"schma" is not a field of a tenant`, Hint: `did you mean "schema"?`},
		{File: "atlas.hcl", Severity: diag.Warning, Code: "odd", Message: "odd | in\ntwo lines"},
	}
	golden(t, "markdown-wrong", markdownText(t, r))
}

func TestMarkdownWithNothingToDoIsShort(t *testing.T) {
	t.Parallel()
	golden(t, "markdown-idle", markdownText(t, dryRun(nil, target("acme", reconcile.ActionNone, "", ""), target("globex", reconcile.ActionNone, "", ""))))
}

func TestMarkdownBeginsWithTheMarker(t *testing.T) {
	t.Parallel()
	for _, r := range []*reconcile.Report{everything(), apply(everything(), nil), hostile(), dryRun(nil), manyClasses()} {
		got := markdownText(t, r)
		if !strings.HasPrefix(got, MarkdownMarker+"\n") || strings.Count(got, MarkdownMarker) != 1 {
			t.Errorf("the marker is not where it belongs: %.100q", got)
		}
		if !utf8.ValidString(got) {
			t.Errorf("not UTF-8: %.100q", got)
		}
	}
}

// driftedFleet is 10,000 tenants, of which three are not as they were left.
func driftedFleet() *reconcile.Report {
	targets := make([]reconcile.PlannedTarget, 10_000)
	for i := range targets {
		targets[i] = target(fmt.Sprintf("t%05d", i), reconcile.ActionNone, "", "")
	}
	for i, n := range []int{17, 4_711, 9_001} {
		name := []string{"column", "column", "index"}[i]
		targets[n] = target(targets[n].Tenant, reconcile.ActionChange, reconcile.ReasonDrifted, name)
		targets[n].Drift = []string{map[string]string{
			"column": "column posts.pinned: missing", "index": "index members.members_email_key: is not unique, should be unique",
		}[name]}
	}
	return dryRun([]reconcile.Step{
		step("column", reconcile.ActionChange, sql(`ALTER TABLE {schema}."posts" ADD COLUMN "pinned" boolean NOT NULL DEFAULT false`)),
		step("index", reconcile.ActionChange, sql(`DROP INDEX {schema}."members_email_key"`),
			sql(`CREATE UNIQUE INDEX "members_email_key" ON {schema}."members" ("email")`, depends(`builds the unique index "members_email_key": fails where "email" has duplicates`))),
	}, targets...)
}

func TestMarkdownOfALargeFleetIsShort(t *testing.T) {
	t.Parallel()
	got := markdownText(t, driftedFleet())
	golden(t, "markdown-fleet", got)
	if len(got) > 3_000 {
		t.Errorf("%d bytes for three tenants", len(got))
	}
}

// manyClasses is 10,000 tenants, each with a plan of its own, or an error.
func manyClasses() *reconcile.Report {
	var steps []reconcile.Step
	var targets []reconcile.PlannedTarget
	for i := range 10_000 {
		id := fmt.Sprintf("t%05d", i)
		if i%5 == 0 {
			targets = append(targets, broken(target(id, reconcile.ActionChange, reconcile.ReasonDefinitionChanged, ""), "cannot: "+strings.Repeat("why ", i%300)))
			continue
		}
		s := step(id, reconcile.ActionChange, sql(`ALTER TABLE {schema}."posts" ADD COLUMN "`+id+`" text`+strings.Repeat(" /* long */", i%900)))
		if i%2 == 0 {
			s.Statements[0].Hazards = []schema.Hazard{destroys(`drops "` + id + `"`)}
		}
		steps = append(steps, s)
		reason := reconcile.ReasonDefinitionChanged
		if i%3 == 0 {
			reason = reconcile.ReasonDrifted
		}
		targets = append(targets, drifted(target(id, reconcile.ActionChange, reason, id), "column x"+id+": missing"))
	}
	return dryRun(steps, targets...)
}

func TestMarkdownIsCutBetweenClasses(t *testing.T) {
	t.Parallel()
	got := markdownText(t, manyClasses())
	if len(got) < MarkdownLimit/2 {
		t.Errorf("only %d bytes of %d are used", len(got), MarkdownLimit)
	}
	if open, closed := strings.Count(got, "<details>"), strings.Count(got, "</details>"); open == 0 || open != closed {
		t.Errorf("%d details are opened and %d closed", open, closed)
	}
	if n := strings.Count(got, "\n```"); n%2 != 0 {
		t.Errorf("%d fences", n)
	}
	for _, want := range []string{
		"#### Blocked, or destroys data", "#### Errors", "#### Changes", "#### Drift", "which are not shown here", "does not fit in here",
		digest("plan"), "```sh\n" + applyCommand + "\n```",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in it", want)
		}
	}
}

func TestMarkdownLeavesOutTheOneClassThatDoesNotFit(t *testing.T) {
	t.Parallel()
	huge := step("huge", reconcile.ActionChange, sql("-- "+strings.Repeat("x", MarkdownLimit)+"\nSELECT 1"))
	small := step("small", reconcile.ActionChange, sql("SELECT 2"))
	got := markdownText(t, dryRun([]reconcile.Step{huge, small},
		target("a", reconcile.ActionChange, reconcile.ReasonDefinitionChanged, "huge"),
		target("b", reconcile.ActionChange, reconcile.ReasonDefinitionChanged, "small")))
	if !strings.Contains(got, "SELECT 2;") || !strings.Contains(got, "The SQL of 1 more (1 statement) does not fit in here") {
		t.Error(got)
	}
}

func TestMarkdownPutsDangerFirst(t *testing.T) {
	t.Parallel()
	got := markdownText(t, everything())
	var at []int
	for _, title := range []string{"#### Blocked, or destroys data\n", "#### Errors\n", "#### Changes\n", "#### Drift\n", "#### Left alone\n"} {
		at = append(at, strings.Index(got, title))
	}
	if at[0] < 0 || !slices.IsSorted(at) {
		t.Errorf("the sections are at %v", at)
	}
}

func TestMarkdownDoesNotShowACommandInPart(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := Markdown(&b, driftedFleet(), MarkdownOptions{Apply: "reconcile" + strings.Repeat(" --tenant x", 1_000)}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "--tenant") || !strings.Contains(b.String(), "The same command without <code>--dry-run</code> applies it.") {
		t.Error(b.String())
	}
}

func TestMarkdownReturnsErrorsOfTheWriter(t *testing.T) {
	t.Parallel()
	if Markdown(fullDisk{}, everything(), MarkdownOptions{}) == nil {
		t.Error("no error")
	}
}
