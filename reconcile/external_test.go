package reconcile_test

import (
	"strings"
	"testing"

	"tenantry/reconcile"
	"tenantry/schema"
)

// onlyAtlas is a project file that the native engine refuses: data sources, a
// program whose output is the schema, policies that it does not know.
const onlyAtlas = `
variable "schema" {
  type    = string
  default = "tenant"
}
data "external_schema" "legacy" {
  program = ["cat", "legacy.sql"]
}
data "hcl_schema" "app" {
  path = "app.hcl"
  vars = {
    schema = var.schema
  }
}
env "legacy" {
  src = data.external_schema.legacy.url
  dev = "docker://postgres/15/dev"
  format {
    migrate {
      diff = "{{ sql . }}"
    }
  }
}
env "app" {
  src = data.hcl_schema.app.url
}
env "plain" {
  src     = "file://app.hcl"
  exclude = ["*.tmp"]
}
env "known" {
  src = "file://app.hcl"
}
`

func externalWorld(t *testing.T) *world {
	w := newWorldAt(t, binaryURL(t), map[string]string{
		"atlas.hcl": onlyAtlas, "app.hcl": users,
		"legacy.sql":   "CREATE TABLE things (id bigint PRIMARY KEY, name text);\n",
		"tenants.yaml": "tenants:\n- {id: old, services: [legacy]}\n- {id: other, services: [legacy]}\n- {id: new, services: [app]}\n- {id: plain, services: [plain]}\n",
	})
	w.forAtlas = true
	return w
}

// With the binary, atlas.hcl is what Atlas says it is: what a program prints is
// the schema of a tenant, and another output is another definition.
func TestAtlasEvaluatesWhatTheNativeEngineRefuses(t *testing.T) {
	t.Parallel()
	w := externalWorld(t)
	w.engine.Engine = binaryEngine(t)
	w.converge()
	for tenant, column := range map[string]string{"old": "things.name", "other": "things.name", "new": "users.name", "plain": "users.name"} {
		table, name, _ := strings.Cut(column, ".")
		if n := value[int](w, "SELECT count(*)::int FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2 AND column_name = $3", "tenant_"+tenant, table, name); n != 1 {
			t.Errorf("%s has no column %s", tenant, column)
		}
	}
	w.write(map[string]string{"legacy.sql": "CREATE TABLE things (id bigint PRIMARY KEY, name text, size integer);\n"})
	plan := w.plan()
	if plan.Summary.Change != 2 || len(plan.Steps) != 1 {
		t.Fatalf("%+v, %d steps\n%s", plan.Summary, len(plan.Steps), statements(plan))
	}
	for _, target := range plan.Targets {
		if target.Action == reconcile.ActionChange && target.Reason != reconcile.ReasonDefinitionChanged {
			t.Errorf("%s: %s", target.Tenant, target.Reason)
		}
	}
	w.converge()
}

// Each env says what keeps the native engine from it.
func TestEachEnvSaysWhichEngineItNeeds(t *testing.T) {
	t.Parallel()
	w := externalWorld(t)
	project, err := schema.ReadProject(w.dir+"/atlas.hcl", func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"legacy": "unsupported-block", "app": "invalid-hcl", "plain": "unsupported-attribute", "known": ""} {
		s, ok := project.Service(name)
		got := ""
		if ok && len(s.Needs) > 0 {
			got = s.Needs[0].Code
		}
		if got != want {
			t.Errorf("%s: %q, want %q: %v", name, got, want, s.Needs)
		}
	}
	if _, err := schema.LoadProject(w.dir+"/atlas.hcl", func(string) string { return "" }); err == nil {
		t.Error("the native engine takes it")
	}
}

// A shared service that only the binary can evaluate, and a tenant's that refers
// to it.
func TestAtlasEvaluatesASharedServiceAndWhatRefersToIt(t *testing.T) {
	t.Parallel()
	const identity = `
schema "identity" {
  comment = "People."
}
table "people" {
  schema = schema.identity
  column "id" {
    type = bigint
  }
  primary_key {
    columns = [column.id]
  }
}
`
	w := newWorldAt(t, binaryURL(t), map[string]string{
		"atlas.hcl": `
variable "schema" {
  type    = string
  default = "tenant"
}
data "hcl_schema" "identity" {
  path = "linked/identity.hcl"
}
data "hcl_schema" "linked" {
  path = "linked"
  vars = {
    schema = var.schema
  }
}
env "identity" {
  src = data.hcl_schema.identity.url
}
env "linked" {
  src = data.hcl_schema.linked.url
}
`,
		"linked/identity.hcl": identity,
		"linked/linked.hcl": head + `
table "members" {
  schema = schema.tenant
  column "person" {
    type = bigint
  }
  foreign_key "members_person_fkey" {
    columns     = [column.person]
    ref_columns = [table.people.column.id]
  }
}
`,
		"tenants.yaml": "shared: [identity]\ntenants: [acme, globex]\n",
	})
	w.forAtlas, w.engine.Engine = true, binaryEngine(t)
	w.converge()
	w.exec("INSERT INTO identity.people VALUES (1)")
	w.exec("INSERT INTO tenant_acme.members VALUES (1)")
	if comment := value[string](w, "SELECT obj_description('identity'::regnamespace)"); comment != "People." {
		t.Errorf("%q", comment)
	}
	w.write(map[string]string{"linked/identity.hcl": strings.Replace(identity, "  primary_key {", "  column \"name\" {\n    null = true\n    type = text\n  }\n  primary_key {", 1)})
	w.converge()
}
