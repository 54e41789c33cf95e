package schema

import (
	"strings"
	"testing"

	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
	"github.com/zclconf/go-cty/cty"

	"tenantry/internal/diag"
)

// evaluated returns the realm that sources say, without any check of ours.
func evaluated(sources ...source) (*atlas.Realm, error) {
	parser, diags := mergedParser(sources)
	if diags.HasErrors() {
		return nil, diags
	}
	realm := &atlas.Realm{}
	return realm, postgres.EvalHCL.Eval(parser, realm, map[string]cty.Value{"schema": cty.StringVal("scratch")})
}

// Locals may use the variables and the locals of any other file.
func TestMergeOrder(t *testing.T) {
	t.Parallel()
	sources := []source{
		{path: "a.hcl", data: []byte(`locals { name = "${local.prefix}_${var.schema}" }`)},
		{path: "b.hcl", data: []byte("table \"t\" {\n schema = schema.tenant\n column \"id\" {\n type = bigint\n comment = local.name\n }\n}")},
		{path: "c.hcl", data: []byte("variable \"schema\" {\n type = string\n}\nlocals { prefix = var.region }")},
		{path: "extra.sql", data: []byte("CREATE VIEW v AS SELECT 1")},
		{path: "d.hcl", data: []byte("variable \"region\" {\n type = string\n default = \"eu\"\n}\nschema \"tenant\" { name = var.schema }")},
	}
	for range 200 {
		realm, err := evaluated(sources...)
		if err != nil {
			t.Fatal(err)
		}
		own := realm.Schemas[0]
		comment, ok := own.Tables[0].Columns[0].Attrs[0].(*atlas.Comment)
		if own.Name != "scratch" || !ok || comment.Text != "eu_scratch" {
			t.Fatalf("got schema %q with the comment %+v", own.Name, comment)
		}
	}
}

// An error is at its place in the file that it is in, also after the first.
func TestMergePositions(t *testing.T) {
	t.Parallel()
	_, err := evaluated(
		source{path: "a.hcl", data: []byte("schema \"tenant\" {}\n")},
		source{path: "b.hcl", data: []byte("table \"t\" {\n  schema = schema.tenant\n  column \"id\" {\n    type = bigintt\n  }\n}\n")},
	)
	var diags diag.List
	addEvalError(&diags, err, diag.Pos{File: "fallback"})
	if got := diags.Error(); !strings.HasPrefix(got, "b.hcl:4:12: error[invalid-hcl]") {
		t.Errorf("got %s", got)
	}

	_, found := mergedParser([]source{{path: "a.hcl", data: []byte("x = \n")}, {path: "b.hcl", data: []byte("schema {\n")}})
	diags = nil
	addHCL(&diags, found, diag.Pos{File: "fallback"})
	if got := diags.Error(); !strings.Contains(got, "a.hcl:1:") || !strings.Contains(got, "b.hcl:1:") {
		t.Errorf("got %s", got)
	}
}

// No HCL at all is no file, and not an empty one.
func TestMergeNothing(t *testing.T) {
	t.Parallel()
	parser, diags := mergedParser([]source{{path: "extra.sql", data: []byte("SELECT 1")}})
	if len(parser.Files()) != 0 || diags.HasErrors() {
		t.Errorf("got %d files, %v", len(parser.Files()), diags)
	}
}

// A blueprint of several files can be evaluated again and again: each time takes
// the parsed blocks apart.
func TestEvaluateTwice(t *testing.T) {
	t.Parallel()
	b := &Blueprint{Services: []string{"s"}, sources: []source{
		{path: "a.hcl", data: []byte("variable \"schema\" {\n type = string\n}\nschema \"tenant\" { name = local.name }")},
		{path: "b.hcl", data: []byte("locals { name = var.schema }\ntable \"t\" {\n schema = schema.tenant\n}")},
	}}
	for _, name := range []string{"one", "two"} {
		s, err := b.evaluate(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if s.Name != name || len(s.Tables) != 1 {
			t.Errorf("got schema %q with %d tables", s.Name, len(s.Tables))
		}
	}
}

// Two schemas may each have a table of a name, and a foreign key to the shared
// one that is labelled with its schema.
func TestSameNameInTwoSchemas(t *testing.T) {
	t.Parallel()
	src := source{path: "a.hcl", data: []byte(`
		variable "schema" { type = string }
		schema "identity" {}
		schema "tenant" { name = var.schema }
		table "identity" "users" {
		  schema = schema.identity
		  column "id" { type = int }
		}
		table "users" {
		  schema = schema.tenant
		  column "id" { type = int }
		  foreign_key "users_id_fkey" {
		    columns     = [column.id]
		    ref_columns = [table.identity.users.column.id]
		  }
		}`)}
	if diags := check(src); len(diags) > 0 {
		t.Errorf("refused: %s", diags)
	}
	realm, err := evaluated(src)
	if err != nil {
		t.Fatal(err)
	}
	if fk := realm.Schemas[1].Tables[0].ForeignKeys[0]; fk.RefTable.Schema.Name != "identity" {
		t.Errorf("the foreign key refers to schema %q", fk.RefTable.Schema.Name)
	}
}
