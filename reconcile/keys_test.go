package reconcile_test

import (
	"fmt"
	"strings"
	"testing"

	"tenantry/reconcile"
)

// keyed is a shared service, and tenants whose tables refer to it and to each other.
var keyed = map[string]string{
	"atlas.hcl":    "env \"identity\" {\n  src = [\"file://identity.hcl\"]\n}\nenv \"app\" {\n  src = [\"file://app.hcl\"]\n}\n",
	"identity.hcl": "schema \"identity\" {\n}\ntable \"users\" {\n  schema = schema.identity\n  column \"id\" { type = bigint }\n  primary_key { columns = [column.id] }\n}\n",
	"app.hcl":      head + keyedTable("authors", "table.users") + keyedTable("posts", "table.authors"),
	"tenants.yaml": "shared: [identity]\ndefaults: {services: [app]}\n" + tenants("acme", "globex"),
}

func keyedTable(name, parent string) string {
	return fmt.Sprintf(`
table %[1]q {
  schema = schema.tenant
  column "id" { type = bigint }
  column "parent" { type = bigint }
  primary_key { columns = [column.id] }
  foreign_key "%[1]s_parent" {
    columns     = [column.parent]
    ref_columns = [%[2]s.column.id]
  }
  foreign_key "%[1]s_user" {
    columns     = [column.id]
    ref_columns = [table.users.column.id]
  }
}
`, name, parent)
}

// newly makes the tenants, and makes sure that what is on record of them is what
// whoever looks at everything finds.
func newly(t *testing.T, w *world) {
	t.Helper()
	w.converge()
	for _, name := range []string{"tenant_acme", "tenant_globex"} {
		o, err := w.db.Observe(t.Context(), []string{name}, false)
		if err != nil {
			t.Fatal(err)
		}
		live, record := o.Live[name], o.Records[0]
		if live.Token != record.Token || live.Fingerprint != record.Fingerprint {
			t.Errorf("live %+v, recorded %+v", live, record)
		}
		w.exec("UPDATE tenantry.target SET token = '' WHERE schema = $1", name)
		if o, err = w.db.Observe(t.Context(), []string{name}, false); err != nil || o.Live[name] != live {
			t.Errorf("looked at as a whole it is %+v, recorded was %+v (%v)", o.Live[name], live, err)
		}
	}
}

func TestWhatANewTenantsKeysTouchIsLookedAtLast(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, through func(*world)) {
		w := newWorld(t, keyed)
		through(w)
		newly(t, w)
		if n := value[int](w, "SELECT count(*) FROM tenantry.blueprint WHERE compiled -> 'keys' ->> 'count' = '2'"); n != 1 { // a statement for each table
			t.Errorf("%d blueprints end with the keys of two tables", n)
		}
	})
}

// What an event trigger does as the keys are added is seen: with such triggers about,
// all is looked at in the end.
func TestWhatAnEventTriggerDoesToANewTenantIsSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, keyed)
	w.exec(`CREATE SCHEMA aside; CREATE FUNCTION aside.meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
		IF current_setting('search_path') ~ 'tenant_globex' AND EXISTS (SELECT FROM pg_constraint WHERE conname = 'posts_parent' AND connamespace = to_regnamespace('tenant_globex'))
			AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('tenant_globex.posts') AND attname = 'meddled') THEN
			ALTER TABLE tenant_globex.posts ADD COLUMN meddled int;
		END IF;
	END $$; CREATE EVENT TRIGGER meddling ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION aside.meddle()`)
	report := w.reconcile()
	for i, target := range report.Plan.Targets {
		o := report.Outcomes[i]
		switch {
		case target.Tenant == "globex" && (o.Result != reconcile.ResultFailed || !strings.Contains(o.Error, "meddled")):
			t.Errorf("globex: %s %s", o.Result, o.Error)
		case target.Tenant != "globex" && o.Result != reconcile.ResultApplied:
			t.Errorf("%s: %s %s", target.Tenant, o.Result, o.Error)
		}
	}
	w.exec("DROP EVENT TRIGGER meddling; DROP SCHEMA aside CASCADE")
	newly(t, w)
}
