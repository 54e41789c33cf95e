package report

import (
	"fmt"
	"strings"
	"testing"

	"tenantry/internal/diag"
	"tenantry/reconcile"
)

func annotations(t *testing.T, list diag.List) string {
	t.Helper()
	var b strings.Builder
	if err := GitHub(&b, list, places()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAnnotationsAreCommandsOfOneLine(t *testing.T) {
	t.Parallel()
	golden(t, "github", annotations(t, wrongFiles()))
	golden(t, "github-plan", annotations(t, Findings(everything())))
	outcomes := map[string]reconcile.Outcome{
		"tenant_acme":  {Result: reconcile.ResultFailed, Error: "main.tenant_acme: ERROR: permission denied (SQLSTATE 42501)"},
		"tenant_hooli": {Result: reconcile.ResultFailed, Error: "main.tenant_hooli: ERROR: permission denied (SQLSTATE 42501)"},
	}
	golden(t, "github-apply", annotations(t, Findings(apply(everything(), outcomes))))
}

func TestAnnotationsCannotBeginOtherCommands(t *testing.T) {
	t.Parallel()
	for _, text := range append(hostileTexts, "x\n::set-env name=PATH::/evil", "x\r::add-mask::x", "a,col=1", "a::b", "%0A::error::x") {
		list := diag.List{{Pos: diag.Pos{File: "f" + text, Line: 1, Column: 2}, Severity: diag.Error, Code: "c" + text, Message: "m" + text, Hint: "h" + text}}
		got := annotations(t, list)
		line, rest, _ := strings.Cut(got, "\n")
		if rest != "" || strings.ContainsAny(line, "\r\x1b\x00") {
			t.Errorf("%q: more than one line: %q", text, got)
		}
		properties, _, _ := strings.Cut(strings.TrimPrefix(line, "::error "), "::")
		if n := strings.Count(properties, ","); n != 3 {
			t.Errorf("%q: %d properties in %q", text, n+1, properties)
		}
	}
}

func TestAtMostTenAnnotations(t *testing.T) {
	t.Parallel()
	var list diag.List
	for i := range 30 {
		list.Warnf(diag.Pos{File: "tenants.yaml", Line: i + 1, Column: 1}, "odd", "odd %d", i)
	}
	list.Errorf(diag.Pos{File: "tenants.yaml", Line: 99}, "wrong", "wrong")
	got := strings.Split(strings.TrimSuffix(annotations(t, list), "\n"), "\n")
	if len(got) != manyAnnotations {
		t.Fatalf("%d annotations", len(got))
	}
	if !strings.HasPrefix(got[0], "::error ") {
		t.Errorf("%s comes first, though there is an error", got[0])
	}
	if want := "… and 21 more: see the log of this step"; !strings.HasSuffix(got[9], want) {
		t.Errorf("%q does not end in %q", got[9], want)
	}
	if ten := annotations(t, list[:10]); strings.Contains(ten, "more") {
		t.Errorf("nothing is left out of %s", ten)
	}
}

func TestFindingsOfAFleetAreOneForEachGroup(t *testing.T) {
	t.Parallel()
	drop := step("drop", reconcile.ActionChange, sql("DROP TABLE x", destroys(`drops the table "x"`)))
	var targets []reconcile.PlannedTarget
	for i := range 1_000 {
		targets = append(targets, target(fmt.Sprintf("t%d", i), reconcile.ActionBlocked, reconcile.ReasonHazard, "drop"))
	}
	got := Findings(dryRun([]reconcile.Step{drop}, targets...))
	if len(got) != 1 {
		t.Fatalf("%d findings", len(got))
	}
	want := "blocked: change 1,000 tenants: t0, t1, t2, … and 997 more\ndestroys data: drops the table \"x\"\n" + deniedByPolicy
	if got[0].Code != "blocked-hazard" || got[0].Message != want || got[0].Pos.Line != 3 {
		t.Errorf("got %+v", got[0])
	}
}
