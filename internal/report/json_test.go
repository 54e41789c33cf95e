package report

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tenantry/reconcile"
)

func jsonOf(t *testing.T, r *reconcile.Report) string {
	t.Helper()
	var b strings.Builder
	if err := JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func decode(t *testing.T, document string) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	if err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	return value
}

func planSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	s, err := compiler.Compile("../../reconcile/plan.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestJSONFollowsTheSchema(t *testing.T) {
	t.Parallel()
	s := planSchema(t)
	for name, r := range map[string]*reconcile.Report{
		"dry run":   everything(),
		"apply":     apply(everything(), map[string]reconcile.Outcome{"tenant_half": {Result: reconcile.ResultSkipped, Error: "stopped"}}),
		"no target": dryRun(nil),
		"idle":      apply(dryRun(nil, target("acme", reconcile.ActionNone, reconcile.ReasonFirstSeen, "")), nil),
		"hostile":   hostile(),
	} {
		if err := s.Validate(decode(t, jsonOf(t, r))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// contract is the document that users were promised, field by field.
const contract = `{"format_version": "1.0", "tool_version": "…", "plan_id": "sha256:…", "partial": false,
 "desired": {"revision": "", "digest": "sha256:…"},
 "summary": {"tenants": 42, "targets": 44, "create": 1, "change": 3, "drifted": 1, "orphaned": 0, "retire": 0,
             "suspend": 0, "unchanged": 39, "blocked": 0, "failed": 0},
 "steps": [{"id": "sha256:…", "action": "create", "blueprint": "sha256:…", "from": "", "to": "sha256:…",
            "statements": [{"sql": "CREATE TABLE …", "comment": "…", "transactional": true, "hazards": [], "reverse": ["…"]}]}],
 "targets": [{"tenant": "acme", "database": "main", "schema": "tenant_acme", "action": "create", "reason": "missing",
              "step": "sha256:…", "source": {"file": "tenants.yaml", "line": 6, "column": 5}, "drift": [], "diagnostics": []}],
 "diagnostics": []}`

func TestTheDocumentedExampleFollowsTheSchema(t *testing.T) {
	t.Parallel()
	if err := planSchema(t).Validate(decode(t, contract)); err != nil {
		t.Error(err)
	}
}

func TestJSONHasEveryDocumentedField(t *testing.T) {
	t.Parallel()
	statement := sql("CREATE TABLE x ()")
	statement.Comment, statement.Reverse = "makes x", []string{"DROP TABLE x"}
	r := dryRun([]reconcile.Step{step("new", reconcile.ActionCreate, statement)}, target("acme", reconcile.ActionCreate, reconcile.ReasonMissing, "new"))
	for _, missing := range missingFields("", decode(t, contract), decode(t, jsonOf(t, r))) {
		t.Errorf("%s is promised and not there", missing)
	}
}

// missingFields returns the paths of fields that want has and have has not.
func missingFields(path string, want, have any) []string {
	var out []string
	switch want := want.(type) {
	case map[string]any:
		have, _ := have.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if _, ok := have[name]; !ok {
				out = append(out, path+"."+name)
				continue
			}
			out = append(out, missingFields(path+"."+name, want[name], have[name])...)
		}
	case []any:
		if have, _ := have.([]any); len(want) > 0 && len(have) > 0 {
			out = missingFields(path+"[]", want[0], have[0])
		}
	}
	return out
}

func TestUnknownFieldsAreNoError(t *testing.T) {
	t.Parallel()
	for _, r := range []*reconcile.Report{everything(), apply(everything(), nil)} {
		extended := extend(decode(t, jsonOf(t, r)))
		if err := planSchema(t).Validate(extended); err != nil {
			t.Error(err)
		}
		text, err := json.Marshal(extended)
		if err != nil {
			t.Fatal(err)
		}
		var plan reconcile.Plan
		if err := json.Unmarshal(text, &plan); err != nil {
			t.Error(err)
		}
		if len(plan.Targets) != len(r.Plan.Targets) {
			t.Errorf("%d targets were read, want %d", len(plan.Targets), len(r.Plan.Targets))
		}
	}
}

// extend adds a field of a later version to every object.
func extend(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name := range value {
			value[name] = extend(value[name])
		}
		value["of_a_later_version"] = []any{"x"}
	case []any:
		for i := range value {
			value[i] = extend(value[i])
		}
	}
	return value
}

func TestTheSchemaRefusesWhatIsNotAPlan(t *testing.T) {
	t.Parallel()
	s := planSchema(t)
	for name, change := range map[string]func(document map[string]any){
		"a later major version": func(d map[string]any) { d["format_version"] = "2.0" },
		"no targets":            func(d map[string]any) { delete(d, "targets") },
		"an unknown action":     func(d map[string]any) { d["targets"].([]any)[0].(map[string]any)["action"] = "explode" },
		"an unknown reason":     func(d map[string]any) { d["targets"].([]any)[0].(map[string]any)["reason"] = "why not" },
		"no reason":             func(d map[string]any) { delete(d["targets"].([]any)[0].(map[string]any), "reason") },
		"an outcome of no run":  func(d map[string]any) { d["targets"].([]any)[0].(map[string]any)["outcome"] = "applied" },
		"a run of no outcome":   func(d map[string]any) { d["run_id"] = "x" },
		"a null list":           func(d map[string]any) { d["steps"] = nil },
	} {
		document := decode(t, contract).(map[string]any)
		change(document)
		if s.Validate(document) == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestJSONIsIndentedAndLeavesSQLReadable(t *testing.T) {
	t.Parallel()
	r := dryRun([]reconcile.Step{step("add", reconcile.ActionChange, sql(`ALTER TABLE {schema}."a" ADD CHECK (x <> 1 && y > 2)`))},
		target("acme", reconcile.ActionChange, reconcile.ReasonDefinitionChanged, "add"))
	golden(t, "json", jsonOf(t, r))
	golden(t, "json-apply", jsonOf(t, apply(r, nil)))
}
