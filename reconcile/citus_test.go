package reconcile_test

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"

	"tenantry/internal/pgtest"
	"tenantry/internal/postgres"
	"tenantry/reconcile"
)

// Citus names the environment variable with the URL of a Citus coordinator, as a
// superuser, for the one kind of test that may be absent.
const citusURL = "TENANTRY_TEST_CITUS"

// standIn is, on a plain PostgreSQL, what of Citus is used here: its catalogs,
// three functions, and an event trigger that makes a schema a shard where sharding
// is on. It refuses that for scratch schemas and the control schema, which are none
// of Citus's business, and sharding is on by default, to show that it is turned off.
const standIn = `
SET allow_system_table_mods = on;
INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion) VALUES (99999, 'citus', 10, 'pg_catalog'::regnamespace, false, '13.0');
CREATE TABLE public.pg_dist_schema (schemaid oid PRIMARY KEY, colocationid int);
CREATE TABLE public.pg_dist_partition (logicalrelid regclass PRIMARY KEY, partmethod "char", colocationid int, repmodel "char");
CREATE TABLE public.pg_dist_shard (logicalrelid regclass, shardid bigint);
CREATE TABLE public.pg_dist_placement (shardid bigint, groupid int);
CREATE TABLE public.pg_dist_node (groupid int, nodename text, nodeport int);
INSERT INTO public.pg_dist_node VALUES (1, 'worker-one', 5432);
CREATE FUNCTION public.citus_schema_distribute(name regnamespace) RETURNS void LANGUAGE sql AS 'INSERT INTO public.pg_dist_schema VALUES (name, (SELECT count(*) + 1 FROM public.pg_dist_schema))';
CREATE FUNCTION public.create_reference_table(name regclass) RETURNS void LANGUAGE sql AS $$INSERT INTO public.pg_dist_partition VALUES (name, 'n', 1000, 't')$$;
CREATE FUNCTION public.shard() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE made record;
BEGIN
	FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP
		IF made.object_type = 'schema' AND current_setting('citus.enable_schema_based_sharding', true) = 'on' THEN
			IF made.object_identity !~ 'tenant_' OR made.object_identity ~ 'scratch' THEN
				RAISE EXCEPTION '% is no shard', made.object_identity;
			END IF;
			PERFORM public.citus_schema_distribute(made.object_identity::regnamespace);
		ELSIF made.object_type = 'table' AND EXISTS (SELECT FROM public.pg_dist_schema d JOIN pg_class c ON c.relnamespace = d.schemaid WHERE c.oid = made.objid) THEN
			INSERT INTO public.pg_dist_partition SELECT made.objid, 'n', d.colocationid, 's' FROM public.pg_dist_schema d JOIN pg_class c ON c.relnamespace = d.schemaid WHERE c.oid = made.objid
				ON CONFLICT DO NOTHING;
			INSERT INTO public.pg_dist_shard VALUES (made.objid, made.objid::oid::bigint);
			INSERT INTO public.pg_dist_placement VALUES (made.objid::oid::bigint, 1);
		END IF;
	END LOOP;
END$$;
CREATE EVENT TRIGGER shard ON ddl_command_end EXECUTE FUNCTION public.shard();
`

// citusDatabases returns the databases to tell the story in: a stand-in, and a
// real one where there is one.
func citusDatabases(t *testing.T) map[string]string {
	plain := pgtest.URL(t)
	execAt(t, plain, standIn)
	u, err := url.Parse(plain)
	if err != nil {
		t.Fatal(err)
	}
	execAt(t, plain, "ALTER DATABASE "+strings.TrimPrefix(u.Path, "/")+" SET citus.enable_schema_based_sharding = on")
	out := map[string]string{"stand-in": plain}
	if real := os.Getenv(citusURL); real != "" {
		out["citus"] = real
	} else {
		t.Logf("told on a stand-in alone: $%s names no Citus coordinator", citusURL)
	}
	return out
}

// The example of the issue that Citus is for: tenants' schemas are shards, what
// they refer to is on every worker, and a second run finds nothing to do.
func TestCitus(t *testing.T) {
	t.Parallel()
	for name, at := range citusDatabases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tellOfCitus(t, at)
		})
	}
}

func tellOfCitus(t *testing.T, at string) {
	table := func(name, more string) string {
		return "table \"" + name + "\" {\n  schema = schema.people\n  column \"id\" { type = int }\n  primary_key { columns = [column.id] }\n" + more + "}\n"
	}
	refers := "  foreign_key \"of\" {\n    columns = [column.id]\n    ref_columns = [table.%.column.id]\n  }\n"
	app := head + "table \"items\" {\n  schema = schema.tenant\n  column \"id\" { type = int }\n  primary_key { columns = [column.id] }\n" + strings.ReplaceAll(refers, "%", "users") + "}\n"
	files := map[string]string{
		"tenants.yaml": "shared: [people]\ndatabases: {main: {url: a, citus: true}}\ntenants: [acme, globex]\n",
		"atlas.hcl":    "env \"people\" {\n  src = [\"file://people.hcl\"]\n}\n" + oneService,
		"people.hcl":   "schema \"people\" {}\n" + table("places", "") + table("users", strings.ReplaceAll(refers, "%", "places")) + table("alone", ""),
		"app.hcl":      app,
	}
	f := newFleet(t, files, nil)
	open := func(convert bool) *postgres.DB {
		db, err := postgres.New(context.Background(), "main", at, 3)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(db.Close)
		db.AskCitus(convert)
		f.databases["main"] = db
		return db
	}
	db := open(false)
	f.expect("the first run", f.run(), map[string]string{"main": "applied"})
	f.expect("the second", f.run(), map[string]string{"main": "unchanged"})
	seen, err := db.Observe(context.Background(), []string{"tenant_acme"}, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := seen.Citus.Schemas["tenant_acme"]; !ok || len(seen.Citus.Schemas) != 2 {
		t.Errorf("the shards are %v", seen.Citus.Schemas)
	}
	if r := seen.Citus.Reference; !r["people.users"] || !r["people.places"] || r["people.alone"] {
		t.Errorf("the reference tables are %v", r)
	}

	// The same definition has the same fingerprint on a plain PostgreSQL.
	plain := newFleet(t, files, map[string]string{"main": pgtest.URL(t)})
	plain.run()
	for _, name := range []string{"tenant_acme", "people"} {
		there, err1 := db.Observe(context.Background(), []string{name}, false)
		here, err2 := plain.databases["main"].Observe(context.Background(), []string{name}, false)
		if err1 != nil || err2 != nil || there.Live[name].Fingerprint != here.Live[name].Fingerprint {
			t.Errorf("%s is another one on Citus: %v %v", name, err1, err2)
		}
	}
	desired, err := f.desired()
	if err != nil {
		t.Fatal(err)
	}
	planner := f.planner(desired)
	planner.Databases = f.databases
	fleet, err := planner.Status(context.Background(), desired)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range fleet.Targets {
		if !s.Shared && s.Worker == "" {
			t.Errorf("on which worker is %s?", s.Tenant)
		}
	}

	// A plain schema is told, and becomes a shard where that is asked for.
	execAt(t, at, "SET citus.enable_schema_based_sharding = off; CREATE SCHEMA tenant_stark; CREATE TABLE tenant_stark.items (id int PRIMARY KEY, CONSTRAINT of FOREIGN KEY (id) REFERENCES people.users (id))")
	f.write(map[string]string{"tenants.yaml": "shared: [people]\ndatabases: {main: {url: a, citus: true}}\ntenants: [acme, globex, {id: stark, adopt: true}]\n"})
	_, plan, err := f.planAll()
	if err != nil {
		t.Fatal(err)
	}
	if stark := plan.Targets[len(plan.Targets)-1]; len(stark.Diagnostics) != 1 || stark.Diagnostics[0].Code != "plain-schema" {
		t.Errorf("a plain schema: %+v", stark)
	}
	open(true)
	if _, plan, err = f.planAll(); err != nil || plan.Targets[len(plan.Targets)-1].Reason != reconcile.ReasonDistribution {
		t.Errorf("a plain schema that is to become a shard: %+v, %v", plan.Targets, err)
	}
	f.run()
	f.expect("as a shard", f.run(), map[string]string{"main": "unchanged"})

	// What Citus would refuse is told beforehand, with its place.
	f.write(map[string]string{
		"atlas.hcl": strings.ReplaceAll(files["atlas.hcl"], `["file://app.hcl"]`, `["file://app.hcl", "file://more.sql"]`),
		"more.sql":  "-- more\nALTER TABLE items ADD CONSTRAINT country\n  FOREIGN KEY (id) REFERENCES public.countries (id);\n",
	})
	execAt(t, at, "SET citus.enable_schema_based_sharding = off; CREATE TABLE IF NOT EXISTS public.countries (id int PRIMARY KEY)")
	if _, _, err = f.planAll(); err == nil || !strings.Contains(err.Error(), "more.sql:3:20: error[citus-reference]: a foreign key refers to public.countries") {
		t.Errorf("a foreign key out of the schema: %v", err)
	}
	f.write(map[string]string{
		"atlas.hcl":  files["atlas.hcl"],
		"people.hcl": strings.Replace(files["people.hcl"], "table \"users\" {\n", "table \"users\" {\n  partition {\n    type    = HASH\n    columns = [column.id]\n  }\n", 1),
	})
	if _, _, err = f.planAll(); err == nil || !strings.Contains(err.Error(), "error[citus-partitioned]: tenants refer to people.users, so it has to be on every worker of the database main") {
		t.Errorf("a table with partitions that tenants refer to: %v", err)
	}
}

// Citus that nobody asked for is a warning; asked for and not there, an error.
func TestCitusAskedForAndNot(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, err := postgres.New(ctx, "main", pgtest.URL(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.AskCitus(false)
	if err := db.Connect(ctx); err == nil || !strings.Contains(err.Error(), "CREATE EXTENSION citus") {
		t.Errorf("asked for and not there: %v", err)
	}
	at := pgtest.URL(t)
	execAt(t, at, standIn)
	f := newFleet(t, map[string]string{"tenants.yaml": "databases: {main: {url: a}}\ntenants: [acme]\n", "atlas.hcl": oneService, "app.hcl": head}, map[string]string{"main": at})
	_, plan, err := f.planAll()
	if err != nil || len(plan.Diagnostics) != 1 || plan.Diagnostics[0].Code != "citus-unasked" {
		t.Errorf("there and not asked for: %+v, %v", plan, err)
	}
}
