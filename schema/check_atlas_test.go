package schema

import (
	"context"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/zclconf/go-cty/cty"

	"tenantry/internal/diag"
)

// created returns the statements that Atlas creates a schema with, from HCL
// that none of our checks has seen.
func created(hcl string) (string, error) {
	realm, err := evaluated(source{path: "test.hcl", data: []byte(hcl)})
	if err != nil {
		return "", err
	}
	changes, err := postgres.DefaultDiff.RealmDiff(atlas.NewRealm(), realm)
	if err != nil {
		return "", err
	}
	plan, err := postgres.DefaultPlan.PlanChanges(context.Background(), "plan", changes)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, c := range plan.Changes {
		out.WriteString(c.Cmd + "\n")
	}
	return out.String(), nil
}

// A marked line of a file, and what is created with and without it.
type marked struct {
	number      int
	mark        string
	whole, less string
	err         error
}

// withoutEach leaves each line out that ends in a mark, one at a time.
func withoutEach(t *testing.T, file, mark string) []marked {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := created(string(data))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	var out []marked
	for i, line := range lines {
		m := regexp.MustCompile(`# (` + mark + `)$`).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		less, err := created(strings.Join(slices.Delete(slices.Clone(lines), i, i+1), "\n"))
		out = append(out, marked{number: i + 1, mark: m[1], whole: whole, less: less, err: err})
	}
	if len(out) < 30 {
		t.Errorf("only %d lines of %s are marked", len(out), file)
	}
	return out
}

// What the grammar allows is honoured: without it, another schema is created,
// or none. Two attributes say nothing to PostgreSQL.
func TestGrammarIsHonoured(t *testing.T) {
	t.Parallel()
	paths := make(map[string]bool)
	pathsOf(paths, "", grammar)
	for _, m := range withoutEach(t, "testdata/check/everything.hcl", `[a-z_.]+`) {
		delete(paths, m.mark)
		silent := m.mark == "variable.description" || m.mark == "table.column.as.type"
		if honoured := m.err != nil || m.less != m.whole; honoured == silent {
			t.Errorf("%s: honoured is %t", m.mark, honoured)
		}
	}
	if len(paths) > 0 {
		t.Errorf("testdata/check/everything.hcl lacks %q", slices.Sorted(maps.Keys(paths)))
	}
}

func pathsOf(paths map[string]bool, prefix string, r *rule) {
	for name := range r.attrs {
		paths[prefix+name] = true
	}
	for name, child := range r.blocks {
		pathsOf(paths, prefix+name+".", child)
	}
}

// The tests named AtlasStill hold what Atlas gets wrong and the checks refuse.
// Where one fails, Atlas has mended it: allow it, and delete the test.
func TestAtlasStillIgnores(t *testing.T) {
	t.Parallel()
	const file = "testdata/check/ignored.hcl"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	diags := check(source{path: file, data: data})
	lines := strings.Split(string(data), "\n")
	for _, m := range withoutEach(t, file, "ignored") {
		if m.err != nil || m.less != m.whole {
			t.Errorf("%s:%d: no longer ignored: %s\n%v", file, m.number, lines[m.number-1], m.err)
		}
		if !slices.ContainsFunc(diags, func(d diag.Diagnostic) bool { return d.Pos.Line == m.number }) {
			t.Errorf("%s:%d: not refused: %s", file, m.number, lines[m.number-1])
		}
	}
}

// Each of these is refused by a code, and is what Atlas makes of it: a part of
// what it creates, or of its error.
func TestAtlasStillFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ hcl, code, want string }{
		"sequences": {`
			schema "tenant" {}
			sequence "s" { schema = schema.tenant }`, "unsupported-block", "sequences are not supported"},
		"extensions":     {`extension "citext" {}`, "unsupported-block", "extensions are not supported"},
		"policies":       {`policy "p" {}`, "unsupported-block", "policies are not supported"},
		"event triggers": {`event_trigger "e" {}`, "unsupported-block", "event triggers are not supported"},
		"aggregates":     {`aggregate "a" {}`, "unsupported-block", "aggregates are not supported"},
		"data sources":   {`data "sql" "x" {}`, "unsupported-block", "missing data source handler"},
		"literal names of schemas": {`
			schema "p" { name = "literal" }
			table "t" { schema = schema.p }`, "schema-name", `schema "p" not found`},
		"short labels of schemas": {`
			variable "schema" { type = string }
			schema "s" { name = var.schema }
			table "t" { schema = schema.s }`, "schema-label", `missing "schema" in reference`},
		"missing variables":        {`variable "region" { type = string }`, "missing-variable", "missing value for required variable"},
		"types in quotation marks": {column(`type = "text"`), "invalid-value", "unexpected type string"},
		"default lists":            {column("type = jsonb\n default = []"), "invalid-value", "unsupported type for default value"},
		"rounded defaults":         {column("type = numeric\n default = 3.14159265358979"), "rounded-number", "DEFAULT 3.141592654)"},
		"quoted defaults":          {column("type = text\n default = \"'it'\""), "quoted-text", "DEFAULT 'it')"},
		"quoted comments":          {column("type = text\n comment = \"'it'\""), "quoted-text", "IS 'it'"},
		"empty enums": {`
			schema "tenant" {}
			enum "mood" {
			  schema = schema.tenant
			  values = []
			}`, "empty-enum", "AS ENUM ()"},
		"the same enum in two schemas": {`
			schema "a" {}
			schema "b" {}
			enum "mood" {
			  schema = schema.a
			  values = ["good"]
			}
			enum "mood" {
			  schema = schema.b
			  values = ["good"]
			}`, "duplicate-enum", `duplicate enum "mood"`},
		"the same table twice": {`
			schema "tenant" {}
			table "t" { schema = schema.tenant }
			table "t" { schema = schema.tenant }`, "duplicate-table", "CREATE TABLE \"tenant\".\"t\" ()\nCREATE TABLE \"tenant\".\"t\" ()"},
		"unnamed indexes": {keys(`index { columns = [column.id] }`), "unnamed-index", "CREATE INDEX ON"},
		"unnamed checks":  {keys(`check { expr = "true" }`), "unnamed-check", ", CHECK (true)"},
		"unnamed foreign keys": {keys(`foreign_key {
			  columns     = [column.id]
			  ref_columns = [column.id]
			}`), "unnamed-foreign-key", ", FOREIGN KEY"},
		"columns of another table": {keys(`index "i" { columns = [table.other.column.id] }`), "foreign-column", `CREATE INDEX "i" ON "tenant"."t" ("id")`},
		"keys under for_each":      {keys("for_each = toset([1])\n primary_key { columns = [column.id] }"), "unsupported-attribute", `no variable named "column"`},
		"names under for_each": {`schema "tenant" {}` + "\n" + `table "t" {
			  schema   = schema.tenant
			  for_each = toset(["a", "b"])
			  name     = each.value
			}`, "unsupported-attribute", "CREATE TABLE \"tenant\".\"t\" ()\nCREATE TABLE \"tenant\".\"t\" ()"},
		"references to a name in two schemas": {`
			schema "shared" {}
			table "other" {
			  schema = schema.shared
			  column "id" { type = int }
			}` + keys(`foreign_key "f" {
			  columns     = [column.id]
			  ref_columns = [table.other.column.id]
			}`), "ambiguous-reference", "multiple reference tables found"},
		"references through a renamed schema": {`
			variable "schema" { type = string }
			schema "own" { name = var.schema }
			table "own" "users" {
			  schema = schema.own
			  column "id" { type = int }
			}` + keys(`foreign_key "f" {
			  columns     = [column.id]
			  ref_columns = [table.own.users.column.id]
			}`), "unsupported-reference", `referenced table "users" not found`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := created(c.hcl)
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("Atlas no longer says %q, but:\n%s", c.want, got)
			}
			diags := check(source{path: "test.hcl", data: []byte(c.hcl)})
			if !slices.ContainsFunc(diags, func(d diag.Diagnostic) bool { return d.Code == c.code }) {
				t.Errorf("want %s, got:\n%s", c.code, diags)
			}
		})
	}
}

// column is HCL with a column of a table.
func column(body string) string {
	return "schema \"tenant\" {}\ntable \"t\" {\n schema = schema.tenant\n column \"c\" {\n" + body + "\n}\n}"
}

// keys is HCL with more in a table that has a column, beside another one.
func keys(more string) string {
	const id = "column \"id\" { type = int }\n"
	return "\nschema \"tenant\" {}\ntable \"other\" {\n schema = schema.tenant\n" + id + "}\n" +
		"table \"t\" {\n schema = schema.tenant\n" + id + more + "\n}\n"
}

// An empty comment of a column cannot be planned once the column is there.
func TestAtlasStillCannotPlanEmptyComments(t *testing.T) {
	t.Parallel()
	tables := make([]*atlas.Table, 2)
	for i, hcl := range []string{column("type = text"), column("type = text\n comment = \"\"")} {
		realm, err := evaluated(source{path: "test.hcl", data: []byte(hcl)})
		if err != nil {
			t.Fatal(err)
		}
		tables[i] = realm.Schemas[0].Tables[0]
	}
	changes, err := postgres.DefaultDiff.TableDiff(tables[0], tables[1])
	if err != nil {
		t.Fatal(err)
	}
	modify := []atlas.Change{&atlas.ModifyTable{T: tables[1], Changes: changes}}
	if plan, err := postgres.DefaultPlan.PlanChanges(context.Background(), "plan", modify); err == nil {
		t.Errorf("Atlas plans %+v", plan.Changes)
	}
	if diags := check(source{path: "test.hcl", data: []byte(column("type = text\n comment = \"\""))}); !diags.HasErrors() || diags[0].Code != "empty-comment" {
		t.Errorf("got %s", diags)
	}
}

// Given the files apart, Atlas finds the variable of another only if it happens
// to look there first.
func TestAtlasStillEvaluatesFilesInAnyOrder(t *testing.T) {
	t.Parallel()
	failed := 0
	for range 200 {
		parser := hclparse.NewParser()
		for name, text := range map[string]string{
			"a.hcl": `locals { name = var.schema }`,
			"b.hcl": `variable "schema" { type = string }`,
		} {
			if _, diags := parser.ParseHCL([]byte(text), name); diags.HasErrors() {
				t.Fatal(diags)
			}
		}
		if postgres.EvalHCL.Eval(parser, &atlas.Realm{}, map[string]cty.Value{"schema": cty.StringVal("x")}) != nil {
			failed++
		}
	}
	if failed == 0 {
		t.Error("Atlas found the variable every time: mergedParser may no longer be needed")
	}
}
