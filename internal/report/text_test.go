package report

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tenantry/internal/diag"
	"tenantry/reconcile"
)

func TestDryRunShowsWhatAReviewerMustKnow(t *testing.T) {
	t.Parallel()
	golden(t, "dry-run", text1(t, everything(), Style{}))
	golden(t, "dry-run-verbose", text1(t, everything(), Style{Verbose: true}))
	golden(t, "dry-run-wrapped-and-coloured", text1(t, everything(), Style{Width: 60, Color: true}))
}

func TestApplyTellsWhatBecameOfEachTarget(t *testing.T) {
	t.Parallel()
	outcomes := map[string]reconcile.Outcome{
		"tenant_hooli":    {Result: reconcile.ResultFailed, Error: `main.tenant_hooli: ERROR: permission denied for schema "tenant_hooli" (SQLSTATE 42501); at: CREATE SCHEMA "tenant_hooli"`},
		"tenant_acme":     {Result: reconcile.ResultFailed, Error: `main.tenant_acme: ERROR: permission denied for schema "tenant_acme" (SQLSTATE 42501); at: CREATE SCHEMA "tenant_acme"`},
		"tenant_umbrella": {Result: reconcile.ResultFailed, Error: `main.tenant_umbrella: ERROR: value too long for type character varying(10) (SQLSTATE 22001); at: ALTER TABLE "tenant_umbrella"."posts" …`},
		"tenant_half":     {Result: reconcile.ResultSkipped, Error: "the run was stopped before its turn"},
	}
	golden(t, "apply", text1(t, apply(everything(), outcomes), Style{}))
}

func TestApplyOfDestructiveStepsSaysWhatIsGone(t *testing.T) {
	t.Parallel()
	world := func() *reconcile.Report {
		drop := step("drop", reconcile.ActionChange, sql(`DROP TABLE {schema}."old"`, destroys(`drops the table "old" with all its rows`)))
		r := dryRun([]reconcile.Step{drop, creation("new")},
			target("acme", reconcile.ActionChange, reconcile.ReasonDefinitionChanged, "drop"),
			target("globex", reconcile.ActionChange, reconcile.ReasonDefinitionChanged, "drop"),
			target("hooli", reconcile.ActionChange, reconcile.ReasonDefinitionChanged, "drop"),
			target("initech", reconcile.ActionCreate, reconcile.ReasonMissing, "new"))
		r.Plan.Partial = true
		return r
	}
	notEmpty := map[string]reconcile.Outcome{"tenant_hooli": {
		Result: reconcile.ResultBlocked, Error: `drops the table "old" with all its rows in main.tenant_hooli, which is not empty; allow it with --allow-destructive`,
	}}
	golden(t, "destructive-apply", text1(t, apply(world(), notEmpty), Style{}))
	golden(t, "destructive-dry-run", text1(t, world(), Style{}))
}

func TestNothingToDoIsOneLine(t *testing.T) {
	t.Parallel()
	world := func(n int) *reconcile.Report {
		var targets []reconcile.PlannedTarget
		for _, id := range strings.Fields("a b c d e f g")[:n] {
			targets = append(targets, target(id, reconcile.ActionNone, "", ""))
		}
		return dryRun(nil, targets...)
	}
	for _, c := range []struct {
		report *reconcile.Report
		want   string
	}{
		{world(7), "Nothing to do: 7 targets are in sync (0.1s).\n"},
		{world(1), "Nothing to do: 1 target is in sync (0.1s).\n"},
		{world(0), "Nothing to do: there are no targets (0.1s).\n"},
		{apply(world(2), nil), "Nothing to do: 2 targets are in sync (0.4s).\n"},
	} {
		if got := text1(t, c.report, Style{}); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestOneTenantGetsItsOwnSQL(t *testing.T) {
	t.Parallel()
	create := step("new", reconcile.ActionCreate, sql(`CREATE SCHEMA {schema}`), sql(`CREATE TABLE {schema}."posts" ("template" text DEFAULT '{{schema}}')`))
	golden(t, "one-tenant", text1(t, dryRun([]reconcile.Step{create}, target("acme", reconcile.ActionCreate, reconcile.ReasonMissing, "new")), Style{}))
}

func TestLargeFleetIsCountedNotListed(t *testing.T) {
	t.Parallel()
	r := fleetOf10000()
	golden(t, "fleet-dry-run", text1(t, r, Style{Width: 100}))
	golden(t, "fleet-apply", text1(t, apply(fleetOf10000(), map[string]reconcile.Outcome{
		"tenant_t01300": {Result: reconcile.ResultFailed, Duration: time.Second, Error: "another run is at work on it"},
	}), Style{}))
}

func TestFailuresOfAllKindsAreCutShort(t *testing.T) {
	t.Parallel()
	var targets []reconcile.PlannedTarget
	outcomes := make(map[string]reconcile.Outcome)
	for i := range 45 {
		id := string(rune('a'+i/26)) + string(rune('a'+i%26))
		targets = append(targets, target(id, reconcile.ActionCreate, reconcile.ReasonMissing, "new"))
		outcomes["tenant_"+id] = reconcile.Outcome{Result: reconcile.ResultFailed, Error: "reason " + strings.Repeat("x", i)}
	}
	got := text1(t, apply(dryRun([]reconcile.Step{creation("new")}, targets...), outcomes), Style{})
	if want := "failed: 25 tenants: au, av, aw, … and 22 more, each in a way of its own (-v shows them)\n"; !strings.Contains(got, want) {
		t.Errorf("%s does not contain %q", got, want)
	}
}

func TestSeveralDatabasesAreNamed(t *testing.T) {
	t.Parallel()
	identity := step("identity", reconcile.ActionCreate, sql(`CREATE SCHEMA {schema}`))
	create := step("new", reconcile.ActionCreate, sql(`CREATE SCHEMA {schema}`))
	add := step("add", reconcile.ActionChange, sql(`ALTER TABLE {schema}."posts" ADD COLUMN "x" text`))
	golden(t, "several-databases", text1(t, dryRun([]reconcile.Step{identity, create, add},
		in("eu", shared(target("identity", reconcile.ActionCreate, reconcile.ReasonMissing, "identity"))),
		in("eu", target("globex", reconcile.ActionCreate, reconcile.ReasonMissing, "new")),
		in("eu", target("initech", reconcile.ActionChange, reconcile.ReasonDefinitionChanged, "add")),
		in("eu", target("gone", reconcile.ActionOrphaned, reconcile.ReasonNotInFile, "")),
		shared(target("identity", reconcile.ActionCreate, reconcile.ReasonMissing, "identity")),
		target("acme", reconcile.ActionCreate, reconcile.ReasonMissing, "new"),
		target("hooli", reconcile.ActionCreate, reconcile.ReasonMissing, "new"),
	), Style{}))
}

func TestSchemasOfOneTenantAreToldApart(t *testing.T) {
	t.Parallel()
	create := step("new", reconcile.ActionCreate, sql(`CREATE SCHEMA {schema}`))
	learn, community := target("acme", reconcile.ActionCreate, reconcile.ReasonMissing, "new"), target("acme", reconcile.ActionCreate, reconcile.ReasonMissing, "new")
	learn.Schema, community.Schema = "acme_learn", "acme_community"
	got := text1(t, dryRun([]reconcile.Step{create}, learn, community), Style{})
	if want := "create 2 schemas: acme (acme_learn), acme (acme_community)\n"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want it to begin with %q", got, want)
	}
}

func TestHostileNamesDoNotReachTheTerminal(t *testing.T) {
	t.Parallel()
	r := hostile()
	for _, s := range []Style{{}, {Verbose: true, Width: 40}} {
		got := text1(t, r, s)
		if i := strings.IndexFunc(got, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == '\u202e' || r == '\u009b' }); i >= 0 {
			t.Errorf("%q at %d of %q", got[i:i+1], i, got)
		}
	}
	golden(t, "hostile", text1(t, r, Style{}))
}

// hostile has in its names what terminals, comments and JSON trip over.
func hostile() *reconcile.Report {
	evil := step("evil", reconcile.ActionChange,
		sql("ALTER TABLE {schema}.\"x\x1b[2J\" ADD COLUMN \"a\r\nb\" text -- \u202e <&>", destroys("drops \"\x1b]0;owned\a\" \xff")))
	a := target("a\x1b[31m", reconcile.ActionChange, reconcile.ReasonDefinitionChanged, "evil")
	b := target("b\nDROP TABLE x;\rDROP TABLE y;", reconcile.ActionBlocked, reconcile.ReasonHazard, "evil")
	c := broken(target("c\u009b", reconcile.ActionChange, reconcile.ReasonDefinitionChanged, ""), "broken \x1b[1m\n\n  in two lines")
	return dryRun([]reconcile.Step{evil}, a, b, c)
}

func TestADiagnosticSaysWhyATargetIsBlocked(t *testing.T) {
	t.Parallel()
	drop := step("drop", reconcile.ActionChange, sql(`DROP TABLE {schema}."old"`, destroys(`drops the table "old" with all its rows`)))
	acme := target("acme", reconcile.ActionBlocked, reconcile.ReasonHazard, "drop")
	acme.Diagnostics = []reconcile.Diagnostic{{Severity: diag.Warning, Code: "denied", Message: "denied by lint.destructive of atlas.hcl"}}
	got := text1(t, dryRun([]reconcile.Step{drop}, acme), Style{})
	if !strings.Contains(got, "  denied by lint.destructive of atlas.hcl\n") || strings.Contains(got, deniedByPolicy) {
		t.Error(got)
	}
}

func TestNoLineEndsInSpacesAndAllFit(t *testing.T) {
	t.Parallel()
	const width = 60
	for line := range strings.Lines(text1(t, everything(), Style{Width: width})) {
		line = strings.TrimSuffix(line, "\n")
		if strings.TrimRight(line, " \t") != line {
			t.Errorf("%q ends in white space", line)
		}
		if prose := !strings.HasPrefix(line, "    "); prose && cells(line) > width {
			t.Errorf("%q has %d columns", line, cells(line))
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestErrorsOfTheWriterAreReturned(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func() error{
		"text":        func() error { return Text(fullDisk{}, everything(), Style{}) },
		"json":        func() error { return JSON(fullDisk{}, everything()) },
		"sql":         func() error { return SQL(fullDisk{}, everything()) },
		"diagnostics": func() error { return Diagnostics(fullDisk{}, diag.List{{Code: "x"}}, nil, Style{}) },
	} {
		if write() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
