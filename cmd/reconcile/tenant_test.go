package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantry/state"
)

// fleet is a tenants file for commands that need no database.
const fleet = `# Who is there.
shared: [identity]
databases: {main: {url: "${NOT_SET}"}, eu: {url_file: /none}}
defaults: {database: main, services: [learn, talk]}
tenants:
  - acme            # the first
  - id: globex
    name: Globex Corporation
    labels: {plan: gold, ring: canary}
  - {id: initech, database: eu, schema: "{id}_{service}", labels: {plan: gold}}
`

// fleetFile writes the fleet into a folder of its own and returns its path.
func fleetFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tenants.yaml")
	if err := os.WriteFile(path, []byte(fleet), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// reconciled runs reconcile on a tenants file, whose path is a word in what it
// returns.
func reconciled(t *testing.T, path string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), append([]string{"--file", path, "--config", filepath.Join(filepath.Dir(path), "atlas.hcl")}, args...), &out, &err)
	short := strings.NewReplacer(path, "FILE").Replace
	return code, short(out.String()), short(err.String())
}

func TestTenantListShowsTheFleetWithItsDefaults(t *testing.T) {
	t.Parallel()
	path := fleetFile(t)
	for args, want := range map[string]string{
		"": `ID       NAME                SERVICES     SCHEMA                       DATABASE  LABELS
acme                         learn, talk  tenant_acme                  main
globex   Globex Corporation  learn, talk  tenant_globex                main      plan=gold, ring=canary
initech                      learn, talk  initech_learn, initech_talk  eu        plan=gold
3 tenants
`,
		"--selector ring=canary": `ID      NAME                SERVICES     SCHEMA         DATABASE  LABELS
globex  Globex Corporation  learn, talk  tenant_globex  main      plan=gold, ring=canary
1 of 3 tenants
`,
		"--tenant acme --exclude acme": "0 of 3 tenants\n",
	} {
		code, out, err := reconciled(t, path, append([]string{"tenant", "list"}, strings.Fields(args)...)...)
		if diff := cmp.Diff(want, out); code != 0 || err != "" || diff != "" {
			t.Errorf("%s: %d %s\n%s", args, code, err, diff)
		}
	}
}

func TestTenantListIsJSONToo(t *testing.T) {
	t.Parallel()
	_, out, _ := reconciled(t, fleetFile(t), "tenant", "list", "-o", "json", "--tenant", "initech")
	var got any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"partial": true, "tenants": []any{map[string]any{
		"id": "initech", "name": "", "services": []any{"learn", "talk"}, "schemas": []any{"initech_learn", "initech_talk"},
		"database": "eu", "labels": map[string]any{"plan": "gold"},
		"source": map[string]any{"file": "FILE", "line": 10.0, "column": 5.0},
	}}}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestTenantAddWritesOneEntry(t *testing.T) {
	t.Parallel()
	path := fleetFile(t)
	code, out, err := reconciled(t, path, "tenant", "add", "wayne", "--name", "Wayne's", "--service", "talk", "--service", "learn",
		"--database", "main", "--schema", "w_{id}", "--label", "plan=gold=24", "--label", "a=", "--var", "region=eu")
	if want := "added the tenant wayne at FILE:11:5\n"; code != 0 || out != want || err != "" {
		t.Errorf("%d, %q, %q", code, out, err)
	}
	want := fleet + `  - {id: wayne, name: "Wayne's", services: [talk, learn], database: main, schema: "w_{id}", labels: {a: "", plan: "gold=24"}, vars: {region: eu}}` + "\n"
	if got, _ := os.ReadFile(path); string(got) != want {
		t.Error(cmp.Diff(want, string(got)))
	}
}

func TestTenantEditsTellScriptsWhatTheyDid(t *testing.T) {
	t.Parallel()
	path := fleetFile(t)
	for _, c := range []struct {
		args    string
		code    int
		changed bool
	}{{"add wayne", 0, true}, {"resume wayne", 0, false}, {"add wayne", 64, false}} {
		code, out, _ := reconciled(t, path, append([]string{"-o", "json", "tenant"}, strings.Fields(c.args)...)...)
		var got edited
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%s: %v\n%s", c.args, err, out)
		}
		if code != c.code || got.Changed != c.changed || (got.Tenant == nil) != (code != 0) || (len(got.Diagnostics) == 0) != (code == 0) {
			t.Errorf("%s: %d %s", c.args, code, out)
		}
	}
}

func TestAnEditThatCannotBeLeavesTheFileAlone(t *testing.T) {
	t.Parallel()
	path := fleetFile(t)
	for name, text := range map[string]string{
		"atlas.hcl": "env \"learn\" {\n  src = [\"file://all.sql\"]\n}\nenv \"talk\" {\n  src = [\"file://all.sql\"]\n}\n",
		"all.sql":   "CREATE TABLE t (id int);\n",
	} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"add", "globex"}, `FILE:7:5: error[duplicate-id]: there is a tenant "globex" already`},
		{[]string{"add", "a b"}, `FILE: error[invalid-id]: "a b" is not a tenant's id`},
		{[]string{"add", "x", "--database", "ue"}, `FILE: error[unknown-database]: there is no database "ue"`},
		{[]string{"add", "x", "--service", "nope"}, `there is no service "nope" in`},
		{[]string{"add", "x", "--label", "gold"}, `--label "gold" is not of the form key=value`},
		{[]string{"add", "x", "--var", "a=1", "--var", "a=2"}, `--var "a" is given twice`},
		{[]string{"add"}, `tenant add takes one tenant`},
		{[]string{"suspend", "acme", "globex"}, `tenant suspend takes one tenant`},
		{[]string{"resume", "glbex"}, `FILE: error[unknown-tenant]: there is no tenant "glbex" (did you mean "globex"?)`},
		{[]string{"list", "-o", "sql"}, `--output sql is for reconcile itself`},
		{nil, `tenant takes a command: list, add, suspend, resume or retire`},
		{[]string{"ad"}, `unknown command "ad" (did you mean "add"?)`},
	} {
		code, out, err := reconciled(t, path, append([]string{"tenant"}, c.args...)...)
		if code != exitUsage || out != "" || !strings.Contains(err, c.want) {
			t.Errorf("%q: %d, %q\n%swant %s", c.args, code, out, err, c.want)
		}
	}
	if got, _ := os.ReadFile(path); string(got) != fleet {
		t.Error(cmp.Diff(fleet, string(got)))
	}
}

func TestABrokenTenantsFileIsExplainedAndNotEdited(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"defaults: {services: [a]}\ntenants: [{id: a, nme: b}]": `FILE:2:19: error[unknown-field]: "nme" is not a field of a tenant`,
		"tenants: [{id: a, nme: b}]":                            `FILE:1:19: error[unknown-field]`,
		"tenants: [a]":                                          `atlas.hcl: error[`,
	} {
		path := fleetFile(t)
		if err := os.WriteFile(path, []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
		code, _, err := reconciled(t, path, "tenant", "add", "b")
		if code != exitInput || !strings.Contains(err, want) || strings.Contains(err, "no-services") {
			t.Errorf("%d\n%swant %s", code, err, want)
		}
	}
	code, _, err := reconciled(t, filepath.Join(t.TempDir(), "none.yaml"), "tenant", "add", "b")
	if code != exitInput || !strings.Contains(err, "error[missing-file]") {
		t.Errorf("%d\n%s", code, err)
	}
}

func TestSchemaPrintsTheJSONSchema(t *testing.T) {
	t.Parallel()
	if code, out, err := reconciled(t, "none.yaml", "schema"); code != 0 || out != string(state.JSONSchema()) || err != "" {
		t.Errorf("%d, %q, %q", code, out, err)
	}
}
