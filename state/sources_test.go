package state_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry/state"
)

const withSource = `databases: {main: {url: a}, eu: {url: b}}
shared: [identity]
defaults: {database: main, services: [community, learn]}
from:
  query: |
    SELECT slug AS id, plan
    FROM organisations;
  notify: tenants
  every: 2s
tenants: [acme]
`

// rows reads rows as a database sends them.
func rows(t *testing.T, texts ...string) [][]state.Row {
	t.Helper()
	var out []state.Row
	for _, text := range texts {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var row state.Row
		if err := d.Decode(&row); err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
	return [][]state.Row{out}
}

func TestASourceIsRead(t *testing.T) {
	t.Parallel()
	f, err := state.Parse("tenants.yaml", []byte(withSource), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []state.Source{{Database: "main", Query: "SELECT slug AS id, plan\nFROM organisations", Notify: "tenants", Every: 2 * time.Second}}
	want[0].Pos = f.Sources[0].Pos
	if d := cmp.Diff(want, f.Sources); d != "" {
		t.Error(d)
	}
	text, err := f.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := state.Parse("tenants.yaml", text, state.Options{})
	if err != nil || again.Sources[0].Query != want[0].Query {
		t.Errorf("written and read it is another: %v\n%s", err, text)
	}
	if _, err := state.Parse("tenants.yaml", []byte("from: [{query: SELECT 1 AS id}, {query: SELECT 2 AS id, every: 1m}]\n"), state.Options{Services: []string{"a"}}); err != nil {
		t.Errorf("a list of sources without a list of tenants: %v", err)
	}
}

func TestRowsBecomeTenants(t *testing.T) {
	t.Parallel()
	f, err := state.Parse("tenants.yaml", []byte(withSource), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, wrong := f.With(rows(t,
		`{"id": "globex", "plan": "gold", "seats": 12, "trial": true, "left_at": null, "region": null}`,
		`{"id": "initech", "name": "Initech", "services": ["learn"], "database": "eu", "labels": {"a": 1}, "vars": {"region": "eu"}, "protected": true}`,
		`{"id": "umbrella", "services": "community, learn", "schema": "u", "state": "retired"}`,
		`{"id": "acme", "plan": "gold"}`), nil)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	var said []string
	for _, x := range got.Tenants {
		protected := x.Protected != nil && *x.Protected
		said = append(said, fmt.Sprint(x.ID, " ", x.Name, x.Services, " ", x.Database, " ", x.Schema, x.Labels, x.Vars, x.State, protected))
	}
	want := []string{
		"acme [community learn] main tenant_{id}map[] map[]false",
		"globex [community learn] main tenant_{id}map[plan:gold seats:12 trial:true] map[]false",
		"initech Initech[learn] eu tenant_{id}map[a:1] map[region:eu]true",
		"umbrella [community learn] main umap[] map[]retiredfalse",
	}
	if d := cmp.Diff(want, said); d != "" {
		t.Error(d)
	}
	if len(f.Tenants) != 1 {
		t.Error("the file itself has more tenants now")
	}
}

func TestARowThatCannotBeATenantIsLeftOut(t *testing.T) {
	t.Parallel()
	f, err := state.Parse("tenants.yaml", []byte(withSource), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for row, code := range map[string]string{
		`{"plan": "gold"}`:                              state.CodeMissingField,
		`{"id": null}`:                                  state.CodeMissingField,
		`{"id": "not an id"}`:                           state.CodeInvalidID,
		`{"id": ["a"]}`:                                 state.CodeWrongType,
		`{"id": "ACME"}`:                                state.CodeSimilarID,
		`{"id": "fine"}`:                                state.CodeDuplicateID, // it is there twice
		`{"id": "b", "schema": "tenant_acme"}`:          state.CodeSchemaConflict,
		`{"id": "b", "schema": "identity"}`:             state.CodeSchemaConflict,
		`{"id": "b", "schema": "public"}`:               state.CodeInvalidSchema,
		`{"id": "b", "schema": "pg_{id}"}`:              state.CodeInvalidSchema,
		`{"id": "b", "schema": "{nosuch}"}`:             state.CodeInvalidTemplate,
		`{"id": "b", "database": "nosuch"}`:             state.CodeUnknownDatabase,
		`{"id": "b", "services": []}`:                   state.CodeNoServices,
		`{"id": "b", "services": ["identity"]}`:         state.CodeSharedService,
		`{"id": "b", "services": ["learn", "learn"]}`:   state.CodeDuplicateService,
		`{"id": "b", "state": "asleep"}`:                state.CodeUnknownValue,
		`{"id": "b", "labels": "plan=gold"}`:            state.CodeWrongType,
		`{"id": "b", "not a label's name!": 1}`:         state.CodeInvalidName,
		`{"id": "b", "vars": {"schema": "x"}}`:          state.CodeReservedVariable,
		`{"id": "b", "name": "two\nlines"}`:             state.CodeInvalidText,
		`{"id": "b", "nested": {"deeper": {"a": "b"}}}`: state.CodeWrongType,
	} {
		got, wrong := f.With(rows(t, `{"id": "fine"}`, row, `{"id": "last"}`), nil)
		if len(wrong) != 1 || wrong[0].Code != code || wrong[0].Pos != f.Sources[0].Pos {
			t.Errorf("%s: %v, not %s at its source", row, wrong, code)
		}
		if len(got.Tenants) != 3 || !slices.ContainsFunc(got.Tenants, func(t state.Tenant) bool { return t.ID == "last" }) {
			t.Errorf("%s keeps others from being used: %v", row, got.Tenants)
		}
	}
}

func FuzzARowIsATenantOrLeftOut(f *testing.F) {
	f.Add(`{"id": "a", "services": ["x", null], "labels": {"a": {"b": 1}}, "c": [1, 2]}`)
	f.Add(`{"id": 1e400, "name": true, "schema": "\u0000"}`)
	file, err := state.Parse("tenants.yaml", []byte(withSource), state.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var row state.Row
		if d.Decode(&row) != nil {
			return
		}
		got, wrong := file.With([][]state.Row{{row}}, nil)
		if more := len(got.Tenants) - len(file.Tenants); more == 0 && len(wrong) == 0 && row["id"] != "acme" {
			t.Errorf("it is neither a tenant nor wrong: %s", text)
		} else if more == 1 {
			got.Sources = nil
			if _, err := got.Marshal(); err != nil && !strings.Contains(err.Error(), "identity") {
				t.Errorf("no file could say so: %v", err)
			}
		}
	})
}

// A row whose database would be another's is left out, like any that cannot be a
// tenant.
func TestARowsDatabaseIsNobodyElses(t *testing.T) {
	t.Parallel()
	f, err := state.Parse("tenants.yaml", []byte(`databases: {main: {url: "postgres://db/app"}, silo: {url: "postgres://db/${id}"}}
defaults: {database: silo, services: [community]}
from: {query: SELECT 1, database: main}
tenants: []
`), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	merged, wrong := f.With(rows(t, `{"id": "acme"}`, `{"id": "app"}`), nil)
	if len(merged.Tenants) != 1 || merged.Tenants[0].ID != "acme" {
		t.Errorf("the tenants are %v", merged.Tenants)
	}
	if len(wrong) != 1 || wrong[0].Code != state.CodeSameDatabase || !strings.Contains(wrong[0].Message, `the row of "app" is left out: the databases main and silo/app are one and the same`) {
		t.Errorf("it is told of: %v", wrong)
	}
}
