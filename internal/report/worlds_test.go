package report

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry/internal/diag"
	"tenantry/reconcile"
	"tenantry/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares what came out with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func digest(of string) string {
	sum := sha256.Sum256([]byte(of))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func sql(text string, hazards ...schema.Hazard) schema.Statement {
	return schema.Statement{SQL: text, Transactional: true, Hazards: hazards}
}

func destroys(message string) schema.Hazard {
	return schema.Hazard{Code: schema.HazardDestructive, Message: message}
}

func depends(message string) schema.Hazard {
	return schema.Hazard{Code: schema.HazardDataDependent, Message: message}
}

func step(name string, action reconcile.Action, statements ...schema.Statement) reconcile.Step {
	s := reconcile.Step{ID: digest("step " + name), Action: action, Blueprint: digest("blueprint"), To: digest("to"), Statements: statements}
	if action != reconcile.ActionCreate {
		s.From = digest("from " + name)
	}
	return s
}

func target(tenant string, action reconcile.Action, reason reconcile.Reason, stepName string) reconcile.PlannedTarget {
	t := reconcile.PlannedTarget{
		Tenant: tenant, Database: "main", Schema: "tenant_" + tenant, Action: action, Reason: reason,
		Source: &diag.Pos{File: "tenants.yaml", Line: 3, Column: 5},
	}
	if stepName != "" {
		t.Step = digest("step " + stepName)
	}
	return t
}

func shared(t reconcile.PlannedTarget) reconcile.PlannedTarget {
	t.Shared, t.Schema, t.Wave = true, t.Tenant, -1
	return t
}

func in(database string, t reconcile.PlannedTarget) reconcile.PlannedTarget {
	t.Database = database
	return t
}

func drifted(t reconcile.PlannedTarget, lines ...string) reconcile.PlannedTarget {
	t.Drift = lines
	return t
}

func broken(t reconcile.PlannedTarget, message string) reconcile.PlannedTarget {
	t.Diagnostics = []reconcile.Diagnostic{{Severity: diag.Error, Code: "cannot-plan", Message: message, File: "tenants.yaml", Line: 3, Column: 5}}
	return t
}

// dryRun makes a report of a plan, with its summary counted.
func dryRun(steps []reconcile.Step, targets ...reconcile.PlannedTarget) *reconcile.Report {
	p := &reconcile.Plan{
		FormatVersion: reconcile.FormatVersion, ToolVersion: "1.2.3", ID: digest("plan"), Steps: steps, Targets: targets,
		Desired: reconcile.DesiredID{Revision: "d354d9c", Digest: digest("desired")},
	}
	s := &p.Summary
	tenants := make(map[string]bool)
	for i := range targets {
		t := &targets[i]
		if t.Action == reconcile.ActionOrphaned {
			s.Orphaned++
			continue
		}
		s.Targets++
		if !t.Shared {
			tenants[t.Tenant] = true
		}
		s.Drifted += one(t.Reason == reconcile.ReasonDrifted)
		switch kindOf(t, reconcile.Outcome{}) {
		case blocked:
			s.Blocked++
		case failed:
			s.Failed++
		case create:
			s.Create++
		case change:
			s.Change++
		default:
			s.Unchanged++
		}
	}
	s.Tenants = len(tenants)
	return &reconcile.Report{Plan: p, Duration: 120 * time.Millisecond}
}

// apply makes a report of an apply in which everything went well, but for what
// outcomes say of targets, by schema.
func apply(r *reconcile.Report, outcomes map[string]reconcile.Outcome) *reconcile.Report {
	r.RunID, r.Duration = "01JZX3", 412*time.Millisecond
	for i := range r.Plan.Targets {
		t := &r.Plan.Targets[i]
		o, given := outcomes[t.Schema]
		switch {
		case given:
		case t.Failed():
			o = reconcile.Outcome{Result: reconcile.ResultFailed, Error: t.Diagnostics[0].Message}
		case t.Action == reconcile.ActionBlocked:
			o.Result = reconcile.ResultBlocked
		case t.Action == reconcile.ActionNone || t.Action == reconcile.ActionOrphaned:
			o.Result = reconcile.ResultUnchanged
		default:
			o = reconcile.Outcome{Result: reconcile.ResultApplied, Duration: time.Duration(50+i) * time.Millisecond}
		}
		r.Outcomes = append(r.Outcomes, o)
	}
	return r
}

func text1(t *testing.T, r *reconcile.Report, s Style) string {
	t.Helper()
	var b strings.Builder
	if err := Text(&b, r, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// creation is the making of a schema as a real product has it: too long to be
// read.
func creation(name string) reconcile.Step {
	statements := []schema.Statement{
		sql(`CREATE SCHEMA {schema}`),
		sql(`CREATE TYPE {schema}."role" AS ENUM ('owner', 'member')`),
	}
	for _, table := range []string{"challenges", "comments", "courses", "enrolments", "members", "posts"} {
		statements = append(statements,
			sql(`CREATE TABLE {schema}."`+table+`" ("id" bigint NOT NULL, "created_at" timestamptz NOT NULL, PRIMARY KEY ("id"))`),
			sql(`CREATE INDEX "`+table+`_created_at" ON {schema}."`+table+`" ("created_at")`),
			sql(`ALTER TABLE {schema}."`+table+`" ADD CONSTRAINT "a" FOREIGN KEY ("id") REFERENCES "identity"."users" ("id"), ADD CONSTRAINT "b" FOREIGN KEY ("id") REFERENCES "identity"."users" ("id")`,
				depends(`adds the foreign key "a" to "`+table+`": fails where a row refers to nothing`)),
		)
	}
	return step(name, reconcile.ActionCreate, statements...)
}

// everything has something of each kind in it.
func everything() *reconcile.Report {
	drop := step("drop", reconcile.ActionChange,
		sql(`ALTER TABLE {schema}."members" ADD COLUMN "handle" text NOT NULL`, depends(`adds the NOT NULL column "handle" to "members" without a default: fails where "members" has rows`)),
		sql(`ALTER TABLE {schema}."members" DROP COLUMN "nickname"`, destroys(`drops the column "nickname" of "members" with all its values`)))
	mend := step("mend", reconcile.ActionChange,
		sql(`ALTER TABLE {schema}."posts" ALTER COLUMN "title" TYPE character varying(10) USING "title"::character varying`, depends(`changes the type of "posts"."title": fails where a value does not fit`)),
		schema.Statement{SQL: `CREATE INDEX CONCURRENTLY "posts_title" ON {schema}."posts" ("title")`})
	mend.Kept = []string{"column posts.legacy_id: unexpected"}
	adopt := step("adopt", reconcile.ActionChange, sql(`DROP TABLE {schema}."old"`, destroys(`drops the table "old" with all its rows`)), sql(`CREATE TABLE {schema}."new" ()`))
	stuck := step("stuck", reconcile.ActionChange)
	stuck.Unplanned = []string{"domain email: is text, should be citext", "operator ===: missing"}
	half := step("half", reconcile.ActionChange, sql(`ALTER TABLE {schema}."posts" ADD COLUMN "x" text`))
	half.Unplanned = []string{"collation de: missing"}
	views := step("views", reconcile.ActionChange)
	views.Unmanaged = []string{"view posts_recent", "view posts_old"}
	identity := step("identity", reconcile.ActionCreate, sql(`CREATE SCHEMA {schema}`), sql("CREATE TABLE {schema}.\"users\" (\n  \"id\" bigint NOT NULL\n)"))
	return dryRun([]reconcile.Step{identity, creation("new"), drop, mend, adopt, stuck, half, views},
		shared(target("identity", reconcile.ActionCreate, reconcile.ReasonMissing, "identity")),
		target("acme", reconcile.ActionCreate, reconcile.ReasonMissing, "new"),
		target("globex", reconcile.ActionBlocked, reconcile.ReasonHazard, "drop"),
		target("initech", reconcile.ActionBlocked, reconcile.ReasonHazard, "drop"),
		target("hooli", reconcile.ActionCreate, reconcile.ReasonMissing, "new"),
		drifted(target("umbrella", reconcile.ActionChange, reconcile.ReasonDrifted, "mend"),
			"column posts.title: is text, should be character varying(10)", "index posts.posts_title: missing"),
		target("legacy", reconcile.ActionBlocked, reconcile.ReasonFirstSeen, "adopt"),
		target("odd", reconcile.ActionBlocked, reconcile.ReasonUnplanned, "stuck"),
		target("half", reconcile.ActionChange, reconcile.ReasonDefinitionChanged, "half"),
		broken(target("wayne", reconcile.ActionChange, reconcile.ReasonDefinitionChanged, ""), `atlas: the type "geometry" is not known`),
		target("stark", reconcile.ActionNone, "", "views"),
		target("wonka", reconcile.ActionNone, "", ""),
		target("gone", reconcile.ActionOrphaned, reconcile.ReasonNotInFile, ""),
		target("left", reconcile.ActionOrphaned, reconcile.ReasonNotInFile, ""),
	)
}

// fleetOf10000 is three classes of tenants.
func fleetOf10000() *reconcile.Report {
	targets := make([]reconcile.PlannedTarget, 10_000)
	for i := range targets {
		id := fmt.Sprintf("t%05d", i)
		switch {
		case i < 1_200:
			targets[i] = target(id, reconcile.ActionCreate, reconcile.ReasonMissing, "new")
		case i < 5_000:
			targets[i] = target(id, reconcile.ActionChange, reconcile.ReasonDefinitionChanged, "add")
		default:
			targets[i] = target(id, reconcile.ActionNone, "", "")
		}
	}
	add := step("add", reconcile.ActionChange, sql(`ALTER TABLE {schema}."posts" ADD COLUMN "pinned" boolean NOT NULL DEFAULT false`))
	return dryRun([]reconcile.Step{creation("new"), add}, slices.Clip(targets)...)
}
