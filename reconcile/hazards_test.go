package reconcile_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tenantry/reconcile"
	"tenantry/schema"
)

// A hazardExample is a table, by name, and what is dangerous about changing it
// from one definition to another.
type hazardExample struct {
	table, before, after string
	codes                []schema.HazardCode
	atlas                []string // what Atlas's analysers call it
	harmless, breaks     string   // rows that it works with, and one that it does not work with, and says so
}

const (
	destructive    = schema.HazardDestructive
	dataDependent  = schema.HazardDataDependent
	rewritesTable  = schema.HazardRewritesTable
	blocksReads    = schema.HazardBlocksReads
	blocksWrites   = schema.HazardBlocksWrites
	dropConstraint = schema.HazardDropsConstraint
	incompatible   = schema.HazardIncompatible
)

type codes = []schema.HazardCode

var hazardExamples = []hazardExample{
	{table: "goes", before: "(id int)", after: "", codes: codes{destructive}, atlas: []string{"DS102"}, harmless: "(1)"},
	{table: "loses_column", before: "(id int, x int)", after: "(id int)", codes: codes{destructive}, atlas: []string{"DS103"}, harmless: "(1, 2)"},
	{table: "gets_column", before: "(id int)", after: "(id int, x int NOT NULL)", codes: codes{dataDependent}, atlas: []string{"MF103"}, breaks: "(1)"},
	{table: "gets_defaulted", before: "(id int)", after: "(id int, x int NOT NULL DEFAULT 5, y text, z bigint GENERATED ALWAYS AS IDENTITY)", codes: codes{rewritesTable}, harmless: "(1)"},
	{table: "gets_cheap", before: "(id int)", after: "(id int, x int NOT NULL DEFAULT 5, y text)", harmless: "(1)"},
	{table: "not_null", before: "(id int)", after: "(id int NOT NULL)", codes: codes{dataDependent, blocksReads}, atlas: []string{"MF104"}, harmless: "(1)", breaks: "(NULL)"},
	{table: "indexed", before: "(id int)", after: "(id int); CREATE INDEX indexed_id ON indexed (id)", codes: codes{blocksWrites}, harmless: "(1)"},
	{table: "unique_index", before: "(id int, x text)", after: "(id int, x text); CREATE UNIQUE INDEX unique_index_x ON unique_index (lower(x) DESC, id) WHERE id > 0", codes: codes{dataDependent, blocksWrites}, atlas: []string{"MF101"}, harmless: "(1, 'a'), (1, NULL), (1, NULL), (-1, 'a'), (-1, 'a')", breaks: "(1, 'a'), (1, 'A')"},
	{table: "unique_column", before: "(id int)", after: "(id int); CREATE UNIQUE INDEX unique_column_id ON unique_column (id)", codes: codes{dataDependent, blocksWrites}, atlas: []string{"MF101"}, harmless: "(1), (2)", breaks: "(1), (1)"},
	{table: "unique_key", before: "(id int)", after: "(id int, CONSTRAINT unique_key_id UNIQUE (id))", codes: codes{dataDependent, blocksReads}, atlas: []string{"MF101"}, harmless: "(1), (NULL), (NULL)", breaks: "(1), (1)"},
	{table: "primary_key", before: "(id int, x int)", after: "(id int, x int, PRIMARY KEY (id, x))", codes: codes{dataDependent, blocksReads}, atlas: []string{"MF104"}, harmless: "(1, 1), (1, 2)", breaks: "(1, NULL)"},
	{table: "checked", before: "(id int)", after: "(id int, CONSTRAINT checked_id CHECK (id > 0))", codes: codes{dataDependent, blocksReads}, harmless: "(1), (NULL)", breaks: "(0)"},
	{table: "child", before: "(id int)", after: "(id int, CONSTRAINT child_id FOREIGN KEY (id) REFERENCES parent (id))", codes: codes{dataDependent, blocksWrites}, harmless: "(NULL)", breaks: "(7)"},
	{table: "freed", before: "(id int, CONSTRAINT freed_id FOREIGN KEY (id) REFERENCES parent (id))", after: "(id int)", codes: codes{dropConstraint}, harmless: "(NULL)"},
	{table: "narrows", before: "(x varchar(20))", after: "(x varchar(3))", codes: codes{dataDependent, rewritesTable}, harmless: "('abc'), ('abc   ')", breaks: "('abcd')"},
	{table: "casts", before: "(x text)", after: "(x int)", codes: codes{dataDependent, rewritesTable}, harmless: "('12')", breaks: "('twelve')"},
	{table: "overflows", before: "(x bigint)", after: "(x int)", codes: codes{dataDependent, rewritesTable}, harmless: "(12)", breaks: "(3000000000)"},
	{table: "widens", before: "(x int)", after: "(x bigint)", codes: codes{rewritesTable}, harmless: "(12)"},
	{table: "widens_free", before: "(x varchar(5), y numeric(5,2))", after: "(x varchar(50), y numeric(7,2))", harmless: "('a', 1.5)"},
	{table: "volatile", before: "(id int)", after: "(id int, x uuid NOT NULL DEFAULT gen_random_uuid())", codes: codes{rewritesTable}, harmless: "(1)"},
	{table: "generated", before: "(id int)", after: "(id int, x int GENERATED ALWAYS AS (id + 1) STORED)", codes: codes{rewritesTable}, harmless: "(1)"},
}

func hazardDefinition(definition func(hazardExample) string) string {
	sql := "CREATE TABLE parent (id int PRIMARY KEY);\n"
	for _, e := range hazardExamples {
		if d := definition(e); d != "" {
			sql += "CREATE TABLE " + e.table + " " + d + ";\n"
		}
	}
	return sql
}

// Every code by example. A dry run names the tenants whose rows a statement would
// fail on, and why; an apply leaves them alone, and does the others.
func TestHazardsAreNamedAndRowsAreAsked(t *testing.T) {
	t.Parallel()
	bothWays(t, hazardsAreNamedAndRowsAreAsked)
}

func hazardsAreNamedAndRowsAreAsked(t *testing.T, through func(*world)) {
	ids := []string{"empty", "harmless"}
	for _, e := range hazardExamples {
		if e.breaks != "" {
			ids = append(ids, e.table)
		}
	}
	w := newWorld(t, map[string]string{
		"atlas.hcl": "env \"app\" {\n  src = [\"file://app.hcl\", \"file://app.sql\"]\n}\n", "app.hcl": head,
		"app.sql":      hazardDefinition(func(e hazardExample) string { return e.before }),
		"tenants.yaml": "version: 1\npolicy: {max_failures: 1000}\n" + tenants(ids...),
	})
	through(w)
	w.allowDestructive = true
	w.converge()
	for _, e := range hazardExamples {
		if e.breaks != "" {
			w.exec("INSERT INTO tenant_" + e.table + "." + e.table + " VALUES " + e.breaks)
		}
		if e.harmless != "" {
			w.exec("INSERT INTO tenant_harmless." + e.table + " VALUES " + e.harmless)
		}
	}
	w.write(map[string]string{"app.sql": hazardDefinition(func(e hazardExample) string { return e.after })})

	report := w.reconcile()
	step := stepOf(report.Plan, targetOf(report.Plan, "tenant_empty"))
	for _, e := range hazardExamples {
		e.compare(t, step.Statements)
	}
	for i, target := range report.Plan.Targets {
		outcome := report.Outcomes[i]
		if target.Tenant == "empty" || target.Tenant == "harmless" {
			if outcome.Result != reconcile.ResultApplied || len(target.Diagnostics) > 0 {
				t.Errorf("%s: %s %s %v", target.Tenant, outcome.Result, outcome.Error, target.Diagnostics)
			}
			continue
		}
		if outcome.Result != reconcile.ResultFailed || !strings.Contains(outcome.Error, "its rows do not allow it") {
			t.Errorf("%s: %s %s", target.Tenant, outcome.Result, outcome.Error)
		}
		if len(target.Diagnostics) == 0 {
			t.Errorf("%s: a dry run says nothing", target.Tenant)
		}
		for _, d := range target.Diagnostics {
			if d.Code != "would-fail" || !strings.Contains(d.Message, target.Tenant) {
				t.Errorf("%s: the dry run says %v", target.Tenant, d)
			}
		}
	}
}

// fileExamples are files of migrations, which can do what HCL cannot say, and what
// is dangerous about them.
var fileExamples = map[string]struct {
	sql   string
	codes codes
}{
	"renames_column":     {sql: "ALTER TABLE posts RENAME COLUMN title TO headline", codes: codes{incompatible}},
	"renames_qualified":  {sql: "ALTER TABLE ${flyway:defaultSchema}.posts RENAME title TO headline", codes: codes{incompatible}},
	"renames_table":      {sql: "ALTER TABLE posts RENAME TO articles", codes: codes{incompatible}},
	"keeps_old_table":    {sql: "ALTER TABLE posts RENAME TO articles; CREATE VIEW posts AS SELECT * FROM articles"},
	"keeps_old_column":   {sql: "ALTER TABLE posts RENAME title TO headline; ALTER TABLE posts ADD title text GENERATED ALWAYS AS (headline) STORED"},
	"renames_constraint": {sql: "ALTER TABLE posts RENAME CONSTRAINT posts_pkey TO posts_key"},
	"is_new":             {sql: "CREATE TABLE drafts (title text); ALTER TABLE drafts RENAME title TO headline"},
	"builds_index":       {sql: "CREATE INDEX CONCURRENTLY posts_title ON posts (title)"},
	"fails":              {sql: "ALTER TABLE ${flyway:defaultSchema}.posts ALTER title SET NOT NULL", codes: codes{blocksReads, dataDependent}},
}

// A name that programs use and that is gone is a hazard, which nobody may run where
// lint says so. That old and new are both there for a while is none.
func TestFilesThatRenameAreIncompatible(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"tenants.yaml": "defaults: {schema: \"{id}_{service}\"}\ntenants: [acme]\n"})
	project := ""
	for name := range fileExamples {
		project += strings.NewReplacer("app", name).Replace(versioned)
		w.write(map[string]string{"migrations/" + name + "/V1__init.sql": "CREATE TABLE posts (id bigint PRIMARY KEY, title text);"})
	}
	w.write(map[string]string{"atlas.hcl": strings.ReplaceAll(project, "  migration {", "  lint {\n    incompatible {\n      error = true\n    }\n  }\n  migration {")})
	w.converge()
	for name, e := range fileExamples {
		w.write(map[string]string{"migrations/" + name + "/V2__next.sql": e.sql + ";"})
	}
	report := w.reconcile()
	for i, target := range report.Plan.Targets {
		name := strings.TrimPrefix(target.Schema, "acme_")
		var got codes
		for _, s := range stepOf(report.Plan, &target).Statements {
			for _, h := range s.Hazards {
				got = append(got, h.Code)
				if h.Message == "" || strings.Contains(h.Message, "{") {
					t.Errorf("%s: %+v", name, h)
				}
			}
		}
		slices.Sort(got)
		want := fileExamples[name].codes
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		if o := report.Outcomes[i]; (o.Result == reconcile.ResultBlocked) != slices.Contains(want, incompatible) {
			t.Errorf("%s: %s %s", name, o.Result, o.Error)
		}
	}
	w.write(map[string]string{"atlas.hcl": project})
	w.converge()
}

// Whatever code the product may give, and says that it may, has an example here.
func TestEveryHazardHasAnExample(t *testing.T) {
	t.Parallel()
	var contract struct {
		Defs struct {
			Hazard struct {
				Properties struct {
					Code struct {
						Examples codes `json:"examples"`
					} `json:"code"`
				} `json:"properties"`
			} `json:"hazard"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(reconcile.PlanSchema(), &contract); err != nil {
		t.Fatal(err)
	}
	var shown codes
	for _, e := range hazardExamples {
		shown = append(shown, e.codes...)
	}
	for _, e := range fileExamples {
		shown = append(shown, e.codes...)
	}
	source, err := os.ReadFile("../schema/hazard.go")
	if err != nil {
		t.Fatal(err)
	}
	var there codes
	for _, m := range regexp.MustCompile(`HazardCode = "(.*)"`).FindAllSubmatch(source, -1) {
		there = append(there, schema.HazardCode(m[1]))
	}
	told := contract.Defs.Hazard.Properties.Code.Examples
	for _, list := range []*codes{&shown, &told, &there} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if !slices.Equal(shown, there) || !slices.Equal(told, there) {
		t.Errorf("there are %v; examples are of %v, and the JSON Schema of a plan tells of %v", there, shown, told)
	}
}

// compare compares the hazards of the statements about the example's table.
func (e hazardExample) compare(t *testing.T, statements []schema.Statement) {
	t.Helper()
	var got []schema.HazardCode
	var atlas []string
	for _, s := range statements {
		if !strings.Contains(s.SQL, fmt.Sprintf("{schema}.%q", e.table)) {
			continue
		}
		for _, h := range s.Hazards {
			got = append(got, h.Code)
			if h.Atlas != "" {
				atlas = append(atlas, h.Atlas)
			}
			if h.Message == "" || strings.Contains(h.Message+h.Alternative+h.Fails, "scratch") {
				t.Errorf("%s: %+v", e.table, h)
			}
		}
	}
	for _, list := range []*[]schema.HazardCode{&got, &e.codes} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	if atlas = slices.Compact(atlas); !slices.Equal(got, e.codes) || !slices.Equal(atlas, e.atlas) {
		t.Errorf("%s: %v %v, want %v %v", e.table, got, atlas, e.codes, e.atlas)
	}
}
