package reconcile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantry/internal/atlastest"
	"tenantry/internal/pgtest"
	"tenantry/schema"
)

// exampleWorld is a world with the definitions that the repository shows itself.
func exampleWorld(t *testing.T, engine schema.Engine) *world {
	t.Helper()
	w := newWorldAt(t, binaryURL(t), nil)
	w.engine.Engine = engine
	if err := os.CopyFS(filepath.Join(w.dir, "schema"), os.DirFS("../schema")); err != nil {
		t.Fatal(err)
	}
	project, err := os.ReadFile("../atlas.hcl")
	if err != nil {
		t.Fatal(err)
	}
	w.write(map[string]string{
		"atlas.hcl":    string(project),
		"tenants.yaml": "shared: [identity]\ndefaults: {services: [community, learn, challenge]}\ntenants: [acme, globex, {id: initech, services: [community]}]\n",
	})
	return w
}

// The library and the binary come to the same: one can follow the other on the
// same database, and finds nothing to do.
func TestOneEngineFollowsTheOtherAndFindsNothingToDo(t *testing.T) {
	t.Parallel()
	binary := binaryEngine(t)
	byLibrary, byBinary := exampleWorld(t, schema.Native{}), exampleWorld(t, binary)
	byLibrary.converge()
	byBinary.converge()
	const recorded = "SELECT string_agg(format('%s %s %s', schema, structure, objects), E'\\n' ORDER BY schema) FROM tenantry.target"
	if diff := cmp.Diff(value[string](byLibrary, recorded), value[string](byBinary, recorded)); diff != "" {
		t.Errorf("the fingerprints differ:\n%s", diff)
	}
	byLibrary.engine.Engine, byBinary.engine.Engine = binary, schema.Native{}
	for engine, w := range map[string]*world{"the binary after the library": byLibrary, "the library after the binary": byBinary} {
		if plan := w.plan(); plan.Changes() || plan.Summary.Unchanged != 4 || plan.Summary.Drifted != 0 {
			t.Errorf("%s: %+v %+v\n%s", engine, plan.Summary, plan.Targets, statements(plan))
		}
	}
	posts := filepath.Join(byLibrary.dir, "schema/community/posts.hcl")
	text, err := os.ReadFile(posts)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "column \"pinned\" {", "column \"likes\" {\n    null    = false\n    type    = integer\n    default = 0\n  }\n  column \"pinned\" {", 1)
	byLibrary.write(map[string]string{"schema/community/posts.hcl": changed})
	byLibrary.converge()
}

// counted is the binary behind a script that counts how often it is started.
func counted(t *testing.T) (path string, starts func() int) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "atlas")
	script := fmt.Sprintf("#!/bin/sh\necho started >> '%s/starts'\nexec '%s' \"$@\"\n", dir, atlastest.Binary(t))
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path, func() int {
		text, _ := os.ReadFile(filepath.Join(dir, "starts"))
		os.Remove(filepath.Join(dir, "starts"))
		return strings.Count(string(text), "\n")
	}
}

const users = head + `
table "users" {
  schema = schema.tenant
  column "id" {
    type = bigint
  }
  column "name" {
    null = true
    type = text
  }
  primary_key {
    columns = [column.id]
  }
}
`

// Hundreds of tenants of one structure cost as many processes as one does.
func TestTheBinaryIsStartedOncePerClass(t *testing.T) {
	t.Parallel()
	path, starts := counted(t)
	engine := binaryEngineAt(t, path, binaryURL(t))
	for _, fleet := range []int{1, pgtest.Size(100, 500)} {
		w := newWorldAt(t, binaryURL(t), map[string]string{"atlas.hcl": oneService, "app.hcl": users, "tenants.yaml": tenants(manyIDs(fleet)...)})
		w.engine.Engine, w.adopt = engine, true
		starts()
		if plan := w.plan(); plan.Summary.Create != fleet {
			t.Errorf("%+v", plan.Summary)
		}
		if n := starts(); n != 1 {
			t.Errorf("%d that are missing: started %d times", fleet, n)
		}
		w.exec(fmt.Sprintf(`DO $$ BEGIN FOR i IN 0..%d LOOP
			EXECUTE format('CREATE SCHEMA %%1$I CREATE TABLE users (id bigint NOT NULL PRIMARY KEY)', 'tenant_t' || lpad(i::text, 3, '0'));
			END LOOP; END $$`, fleet-1))
		if plan := w.plan(); plan.Summary.Change != fleet || len(plan.Steps) != 1 {
			t.Errorf("%+v, %d steps", plan.Summary, len(plan.Steps))
		}
		if n := starts(); n != 2 {
			t.Errorf("%d that change: started %d times", fleet, n)
		}
	}
}

// Many classes are planned at once, each in databases of its own.
func TestManyClassesArePlannedAtOnceWithTheBinary(t *testing.T) {
	t.Parallel()
	classes := pgtest.Size(8, 20)
	w := newWorldAt(t, binaryURL(t), map[string]string{
		"atlas.hcl": oneService, "app.hcl": users,
		"tenants.yaml": "policy: {parallelism: 20}\n" + tenants(manyIDs(classes)...),
	})
	w.engine.Engine, w.allowDestructive = binaryEngine(t), true
	w.reconcile()
	for i := range classes {
		w.exec(fmt.Sprintf("ALTER TABLE tenant_t%03d.users ADD COLUMN extra_%d bigint", i, i))
	}
	plan := w.plan()
	if len(plan.Steps) != classes || plan.Summary.Change != classes {
		t.Fatalf("%+v, %d steps", plan.Summary, len(plan.Steps))
	}
	for _, target := range plan.Targets {
		step := stepOf(plan, &target)
		column := fmt.Sprintf("DROP COLUMN %q", "extra_"+strings.TrimLeft(target.Tenant[1:3], "0")+target.Tenant[3:])
		if len(step.Statements) != 1 || !strings.Contains(step.Statements[0].SQL, column) || !step.Destructive() {
			t.Errorf("%s: %+v, want %s", target.Tenant, step.Statements, column)
		}
	}
	w.converge()
}
