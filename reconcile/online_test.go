package reconcile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// concurrently is an atlas.hcl that wants indexes built and dropped while tables
// are in use.
const concurrently = `
env "app" {
  src = ["file://app.hcl", "file://app.sql"]
  diff {
    concurrent_index {
      create = true
      drop   = true
    }
  }
}
`

// onlineWorld has acme, whose tables hold rows, and globex, whose tables do not.
func onlineWorld(t *testing.T) *world {
	w := newWorld(t, map[string]string{
		"atlas.hcl": concurrently, "app.hcl": head, "tenants.yaml": tenants("acme", "globex"),
		"app.sql": `CREATE TABLE parent (id int PRIMARY KEY);
			CREATE TABLE a (id int, x int, y int, z text, p int); CREATE INDEX a_x ON a (x); CREATE INDEX a_z ON a (z)`,
	})
	w.converge()
	w.exec("INSERT INTO tenant_acme.parent VALUES (1); INSERT INTO tenant_acme.a VALUES (1, 1, 1, 'a', 1), (2, 2, 2, 'b', 1)")
	return w
}

const onlineAfter = `CREATE TABLE parent (id int PRIMARY KEY);
	CREATE TABLE a (id int NOT NULL, x bigint, y int NOT NULL CONSTRAINT a_y CHECK (y > 0), z text CONSTRAINT a_z_key UNIQUE, p int REFERENCES parent, more text);
	CREATE INDEX a_y ON a (y); CREATE UNIQUE INDEX a_z ON a (z, more); COMMENT ON INDEX a_y IS 'The y.';
	CREATE TABLE b (z text, more text, p int REFERENCES parent)`

func TestTablesWithRowsAreChangedOnlineAndEmptyOnesAtOnce(t *testing.T) {
	t.Parallel()
	w := onlineWorld(t)
	w.write(map[string]string{"app.sql": onlineAfter})
	report := w.converge()
	online := stepOf(report.Plan, targetOf(report.Plan, "tenant_acme"))
	plain := stepOf(report.Plan, targetOf(report.Plan, "tenant_globex"))
	if online.To != plain.To || online.ID == plain.ID {
		t.Error("the two forms are to be two ways to one end")
	}
	said := ""
	for _, s := range online.Statements {
		said += s.SQL + "\n"
		if s.Transactional == strings.Contains(s.SQL, "INDEX CONCURRENTLY") || s.Alone != strings.Contains(s.SQL, "VALIDATE CONSTRAINT") {
			t.Errorf("transactional: %v, alone: %v: %s", s.Transactional, s.Alone, s.SQL)
		}
		for _, h := range s.Hazards {
			if h.Code == blocksReads || h.Code == blocksWrites {
				t.Errorf("%s: %s", s.SQL, h.Message)
			}
		}
	}
	for _, want := range []string{
		`CONSTRAINT "a_y" CHECK (y > 0) NOT VALID`, `VALIDATE CONSTRAINT "a_y"`, `ON DELETE NO ACTION NOT VALID`, `VALIDATE CONSTRAINT "a_p_fkey"`,
		`("id" IS NOT NULL) NOT VALID`, `ALTER COLUMN "id" SET NOT NULL`, `DROP INDEX CONCURRENTLY {schema}."a_x"`, `CREATE INDEX CONCURRENTLY "a_y"`,
		`CREATE UNIQUE INDEX CONCURRENTLY "a_z"`, `UNIQUE USING INDEX "a_z_key"`,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the online form does not say %s:\n%s", want, said)
		}
	}
	for _, s := range plain.Statements {
		if !s.Transactional || s.Alone {
			t.Errorf("not in one transaction where there are no rows: %s", s.SQL)
		}
	}
	if n := value[int](w, "SELECT count(*) FROM tenantry.change WHERE schema = 'tenant_globex' AND base <> ''"); n != 1 {
		t.Errorf("globex was changed in %d parts", n)
	}
	w.write(map[string]string{"tenants.yaml": tenants("acme", "globex", "fresh")})
	w.converge()
	for _, name := range []string{"tenant_acme", "tenant_globex"} {
		if diff := cmp.Diff(w.lines("tenant_fresh"), w.lines(name)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestTheOnlineFormKeepsAnOrderThatWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"atlas.hcl": concurrently, "app.hcl": head, "tenants.yaml": tenants("acme"),
		"app.sql": "CREATE TABLE a (x int, y int, z int); CREATE INDEX a_x ON a (x); CREATE INDEX a_z ON a (z)",
	})
	w.converge()
	w.exec("INSERT INTO tenant_acme.a VALUES (1, 2, 3)")
	// The key of b needs the unique index, which has the name of one that goes.
	w.write(map[string]string{"app.sql": `CREATE TABLE a (x bigint, y int, z int, more text); CREATE INDEX a_y ON a (y); CREATE UNIQUE INDEX a_z ON a (z, more);
		COMMENT ON INDEX a_y IS 'The y.'; ALTER TABLE a CLUSTER ON a_z; CREATE TABLE b (z int, more text, FOREIGN KEY (z, more) REFERENCES a (z, more))`})
	report := w.converge()
	if said := statements(report.Plan); strings.Count(said, "INDEX CONCURRENTLY") != 4 {
		t.Errorf("not built and dropped concurrently:\n%s", said)
	}
	w.write(map[string]string{"tenants.yaml": tenants("acme", "fresh")})
	w.converge()
	if diff := cmp.Diff(w.lines("tenant_fresh"), w.lines("tenant_acme")); diff != "" {
		t.Error(diff)
	}
}

// What an interrupted run may leave: an index that is not valid, a constraint
// that is not validated, the check that prepares a NOT NULL.
func TestWhatAnInterruptedRunHasLeftIsMended(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]string{
		"index":   "CREATE INDEX a_y ON a (y); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'a_y'::regclass",
		"unique":  "CREATE UNIQUE INDEX a_z_key ON a (z)",
		"check":   "ALTER TABLE a ADD CONSTRAINT a_y CHECK (y > 0) NOT VALID",
		"key":     "ALTER TABLE a ADD CONSTRAINT a_p_fkey FOREIGN KEY (p) REFERENCES parent NOT VALID",
		"notnull": "ALTER TABLE a ADD CONSTRAINT tenantry_not_null_0123456789ab CHECK (id IS NOT NULL) NOT VALID",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := onlineWorld(t)
			w.as("tenant_acme", left)
			w.write(map[string]string{"app.sql": onlineAfter})
			report := w.converge()
			if diff := cmp.Diff(w.lines("tenant_globex"), w.lines("tenant_acme")); diff != "" {
				t.Errorf("%s\n%s", diff, statements(report.Plan))
			}
		})
	}
}
