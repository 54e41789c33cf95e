package report

import (
	"bytes"
	"testing"
	"time"

	"tenantry/reconcile"
)

func TestCycleLine(t *testing.T) {
	t.Parallel()
	changed := step("add", reconcile.ActionChange, sql(`ALTER TABLE {schema}."users" ADD COLUMN "note" text NULL`))
	steps := []reconcile.Step{changed, creation("new")}
	fresh := target("acme", reconcile.ActionCreate, reconcile.ReasonMissing, "new")
	again := target("globex", reconcile.ActionChange, reconcile.ReasonDefinitionChanged, "add")
	denied := target("hooli", reconcile.ActionBlocked, reconcile.ReasonHazard, "add")
	idle := target("initech", reconcile.ActionNone, "", "")
	gone := target("stark", reconcile.ActionOrphaned, reconcile.ReasonNotInFile, "")
	for want, r := range map[string]*reconcile.Report{
		"nothing to do": apply(dryRun(steps, idle), nil),
		"nothing to do; 1 schema no longer in the file":      apply(dryRun(steps, idle, gone), nil),
		"created 1 tenant in 0.2s":                           apply(dryRun(steps, idle, fresh), nil),
		"created 1 shared service, changed 1 tenant in 0.2s": apply(dryRun(steps, shared(fresh), again), nil),
		"created 1 tenant, 1 tenant blocked in 0.2s":         apply(dryRun(steps, fresh, denied), nil),
		"would create 1 tenant, would change 1 tenant":       dryRun(steps, fresh, again),
		"would change 1 tenant, 1 tenant blocked":            dryRun(steps, again, denied, idle),
		"1 tenant failed, skipped 1 tenant in 0.2s": apply(dryRun(steps, fresh, again), map[string]reconcile.Outcome{
			"tenant_acme":   {Result: reconcile.ResultFailed, Error: "no"},
			"tenant_globex": {Result: reconcile.ResultSkipped, Error: "no"},
		}),
	} {
		r.Duration = 200 * time.Millisecond
		if got := CycleLine(r); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

func TestCycleShowsWhatWasDoneAndWhatWasNot(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	for _, r := range []*reconcile.Report{apply(everything(), nil), everything()} {
		if err := Cycle(&out, "12:03:04 tenants\x1b.yaml changed", r, Style{Width: 100}); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "cycle", out.String())
}
