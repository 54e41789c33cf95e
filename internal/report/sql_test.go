package report

import (
	"strings"
	"testing"
	"time"

	"tenantry/reconcile"
	"tenantry/schema"
)

func sqlOf(t *testing.T, r *reconcile.Report) string {
	t.Helper()
	var b strings.Builder
	if err := SQL(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSQLCanBeRun(t *testing.T) {
	t.Parallel()
	golden(t, "sql", sqlOf(t, everything()))
}

func TestSQLOfAnApplyIsWhatWasApplied(t *testing.T) {
	t.Parallel()
	add := step("add", reconcile.ActionChange, sql(`ALTER TABLE {schema}."posts" ADD COLUMN "x" text`))
	r := apply(dryRun([]reconcile.Step{add},
		in("eu", target("acme", reconcile.ActionChange, reconcile.ReasonDefinitionChanged, "add")),
		target("globex", reconcile.ActionChange, reconcile.ReasonDefinitionChanged, "add"),
	), map[string]reconcile.Outcome{"tenant_globex": {Result: reconcile.ResultFailed, Duration: time.Second, Error: "main.tenant_globex: ERROR: no"}})
	r.Plan.Partial = true
	golden(t, "sql-apply", sqlOf(t, r))
}

func TestSQLOfNothingSaysSo(t *testing.T) {
	t.Parallel()
	if got := sqlOf(t, dryRun(nil, target("acme", reconcile.ActionNone, "", ""))); !strings.HasSuffix(got, "\n-- Nothing to do.\n") {
		t.Error(got)
	}
}

func TestSQLGoesWaveByWave(t *testing.T) {
	t.Parallel()
	late, early := target("late", reconcile.ActionCreate, reconcile.ReasonMissing, "new"), target("early", reconcile.ActionCreate, reconcile.ReasonMissing, "new")
	late.Wave = 1
	got := sqlOf(t, dryRun([]reconcile.Step{creation("new")}, late, early))
	if strings.Index(got, "tenant_early") > strings.Index(got, "tenant_late") {
		t.Error("the later wave comes first")
	}
}

func TestNothingEscapesFromAComment(t *testing.T) {
	t.Parallel()
	for line := range strings.FieldsFuncSeq(sqlOf(t, hostile()), func(r rune) bool { return r == '\n' || r == '\r' }) {
		if strings.HasPrefix(line, "DROP") && !strings.HasPrefix(line, `DROP TABLE y;"`) {
			t.Errorf("%q is not in a comment", line)
		}
	}
	var b strings.Builder
	blocked := hostile()
	blocked.Plan.Targets = blocked.Plan.Targets[1:] // none that may run
	if err := SQL(&b, blocked); err != nil {
		t.Fatal(err)
	}
	for line := range strings.FieldsFuncSeq(b.String(), func(r rune) bool { return r == '\n' || r == '\r' }) {
		if !strings.HasPrefix(line, "--") {
			t.Errorf("%q is not in a comment", line)
		}
	}
}

func TestStatementsAreTerminated(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"SELECT 1":              "SELECT 1;",
		"SELECT 1;\n":           "SELECT 1;",
		"SELECT 1 -- one":       "SELECT 1 -- one\n;",
		"SELECT -- one\n1":      "SELECT -- one\n1;",
		"SELECT '--'":           "SELECT '--'\n;",
		"  SELECT 1 -- a;b; c ": "SELECT 1 -- a;b; c\n;",
	} {
		if got := terminated(in); got != want {
			t.Errorf("terminated(%q) = %q, want %q", in, got, want)
		}
	}
	if got := terminated("SELECT 1 -- one;"); got != "SELECT 1 -- one;\n;" {
		t.Errorf("a semicolon in a comment ends nothing: %q", got)
	}
}

func TestInventoryKnowsWhatStatementsMake(t *testing.T) {
	t.Parallel()
	var statements []schema.Statement
	for _, text := range []string{
		`CREATE SCHEMA {schema}`, `CREATE TABLE {schema}."a""b" ()`, `CREATE UNLOGGED TABLE {schema}.plain (id int)`,
		`CREATE DOMAIN {schema}."email" AS text`, `CREATE UNIQUE INDEX "i" ON {schema}."t" (a)`, `CREATE OR REPLACE FUNCTION {schema}.f(a int) RETURNS int`,
		`ALTER TABLE {schema}."t" ALTER COLUMN "a" SET DEFAULT 1`, `COMMENT ON TABLE {schema}."t" IS 'CREATE TABLE'`, `CREATE POLICY "p" ON {schema}."t"`,
		`CREATE MATERIALIZED VIEW {schema}."odd {{schema}} view" AS SELECT 1`, `CREATE POLICY "q" ON {schema}."t"`,
	} {
		statements = append(statements, sql(text))
	}
	want := strings.Join([]string{
		`2 tables: a"b, plain`, `1 type: email`, `1 view: odd {schema} view`, `1 function: f`, `1 index, 2 policies, 1 comment, 1 other statement`,
	}, "\n")
	if got := strings.Join(inventory(statements), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
