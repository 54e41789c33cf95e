package reconcile_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
	"tenantry/internal/postgres"
	"tenantry/reconcile"
)

// rights is a world of tenants with roles: two that exist, and one of each
// tenant's own.
type rights struct {
	*world
	app, analytics string // existing roles
	own            string // what the tenants' own roles begin with
	appURL         string
}

// newRights makes a world with tables, a sequence and a function.
func newRights(t *testing.T) *rights {
	w := newWorld(t, map[string]string{
		"atlas.hcl": strings.Replace(oneService, `"file://app.hcl"`, `"file://app.hcl", "file://app.sql"`, 1),
		"app.hcl":   head + notes(""),
		"app.sql":   "CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz);\nCREATE FUNCTION doubled(n bigint) RETURNS bigint LANGUAGE sql AS 'SELECT n * 2';\n",
	})
	r := &rights{world: w, own: "t" + nonce() + "_"}
	r.appURL = pgtest.Role(t, w.url, "NOSUPERUSER")
	r.app, r.analytics = pgtest.RoleName(r.appURL), pgtest.RoleName(pgtest.Role(t, w.url, "NOSUPERUSER"))
	t.Cleanup(r.dropOwn)
	return r
}

// dropOwn drops the tenants' own roles, which belong to the server.
func (r *rights) dropOwn() {
	for _, role := range value[[]string](r.world, "SELECT coalesce(array_agg(rolname::text), '{}') FROM pg_roles WHERE rolname LIKE $1", r.own+"%") {
		r.exec("DROP OWNED BY " + role + " CASCADE; DROP ROLE " + role)
	}
}

// grant writes the file with the access of both roles and an own one.
func (r *rights) grant(tenants string) {
	r.write(map[string]string{"tenants.yaml": fmt.Sprintf("policy: {max_removals: 9}\ndefaults:\n  access: {%s: read_write, %s: read_only}\n  role: \"%s{id}\"\ntenants: [%s]\n", r.app, r.analytics, r.own, tenants)})
}

// can says what comes of a statement that a role runs: "", or PostgreSQL's code.
func (r *rights) can(role, sql string) string {
	r.t.Helper()
	ctx := context.Background()
	tx, err := r.conn.Begin(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, "SET LOCAL SESSION AUTHORIZATION "+role); err != nil {
		r.t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, sql); err != nil {
		return code(err)
	}
	return ""
}

func code(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, "(SQLSTATE "); i >= 0 {
		return strings.TrimSuffix(text[i+len("(SQLSTATE "):], ")")
	}
	return text
}

const denied = "42501" // insufficient_privilege

func TestRolesMayDoWhatTheFileSaysAndNothingElse(t *testing.T) {
	t.Parallel()
	r := newRights(t)
	r.grant("acme, globex")
	r.converge()
	acme, globex := r.own+"acme", r.own+"globex"
	for _, c := range []struct{ role, sql, want string }{
		{r.app, "INSERT INTO tenant_acme.notes VALUES (1, 'a')", ""},
		{r.app, "INSERT INTO tenant_globex.events (at) VALUES (now())", ""},
		{r.app, "SELECT tenant_acme.doubled(2)", ""},
		{r.app, "TRUNCATE tenant_acme.notes", denied},
		{r.app, "CREATE TABLE tenant_acme.mine (id int)", denied},
		{r.app, "DROP TABLE tenant_acme.notes", denied},
		{r.analytics, "SELECT count(*) FROM tenant_acme.notes", ""},
		{r.analytics, "DELETE FROM tenant_acme.notes", denied},
		{r.analytics, "SELECT tenant_acme.doubled(2)", denied},

		{acme, "UPDATE tenant_acme.notes SET text = 'b'", ""},
		{acme, "SELECT nextval('tenant_acme.events_id_seq')", ""},
		{acme, "SELECT * FROM tenant_globex.notes", denied},
		{acme, "SELECT text FROM tenant_globex.notes", denied},
		{acme, "INSERT INTO tenant_globex.notes VALUES (1, 'a')", denied},
		{acme, "UPDATE tenant_globex.notes SET text = 'b'", denied},
		{acme, "DELETE FROM tenant_globex.notes", denied},
		{acme, "TRUNCATE tenant_globex.notes", denied},
		{acme, "LOCK TABLE tenant_globex.notes", denied},
		{acme, "SELECT tenant_globex.doubled(2)", denied},
		{acme, "SELECT nextval('tenant_globex.events_id_seq')", denied},
		{acme, "CREATE TEMP TABLE x (id bigint REFERENCES tenant_globex.notes (id))", denied},
		{acme, "CREATE TEMP TABLE x (LIKE tenant_globex.notes)", denied},
		{acme, "CREATE TEMP VIEW x AS SELECT 1 FROM tenant_globex.notes", denied},
		{acme, "SELECT 'tenant_globex.notes'::regclass", denied},
		{acme, "SET LOCAL search_path = tenant_globex; SELECT * FROM notes", "42P01"},
		{acme, "SELECT pg_relation_size('tenant_globex.notes')", denied},
		{acme, "ALTER SCHEMA tenant_globex RENAME TO mine", denied},
		{acme, "COMMENT ON TABLE tenant_globex.notes IS 'x'", denied},
		{acme, "SET ROLE " + globex, denied},
		{acme, "SELECT * FROM tenantry.target", denied},
		{globex, "SELECT * FROM tenant_globex.notes", ""},
	} {
		if got := r.can(c.role, c.sql); got != c.want {
			t.Errorf("%s: %s: %q, want %q", strings.Replace(c.role, r.own, "t_", 1), c.sql, got, c.want)
		}
	}
	seen := "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'tenant_globex'"
	if _, err := r.conn.Exec(context.Background(), "SET ROLE "+acme); err != nil {
		t.Fatal(err)
	}
	if n := value[int](r.world, seen); n != 0 {
		t.Errorf("acme is told of %d tables of globex", n)
	}
	r.exec("RESET ROLE")
}

// A new table of a later version is usable at once, and no table is touched for
// grants alone.
func TestGrantsFollowTheStructureAndNeverTouchIt(t *testing.T) {
	t.Parallel()
	r := newRights(t)
	r.write(map[string]string{"tenants.yaml": tenants("acme", "globex")})
	r.converge()
	structure := r.lines("tenant_acme")
	r.grant("acme, globex")
	plan := r.plan()
	for _, s := range plan.Steps {
		for _, stmt := range s.Statements {
			if !strings.HasPrefix(stmt.SQL, "GRANT ") && !strings.HasPrefix(stmt.SQL, "REVOKE ") && !strings.HasPrefix(stmt.SQL, "ALTER DEFAULT PRIVILEGES ") && !strings.HasPrefix(stmt.SQL, "DO ") {
				t.Errorf("for grants: %s", stmt.SQL)
			}
		}
	}
	if len(plan.Steps) != 1 || plan.Summary.Change != 2 {
		t.Errorf("two alike have %d steps, %+v", len(plan.Steps), plan.Summary)
	}
	r.converge()
	if diff := cmp.Diff(structure, r.lines("tenant_acme")); diff != "" {
		t.Error(diff)
	}
	r.write(map[string]string{"app.sql": "CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz);\nCREATE TABLE more (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);\nCREATE FUNCTION doubled(n bigint) RETURNS bigint LANGUAGE sql AS 'SELECT n * 2';\nCREATE FUNCTION tripled(n bigint) RETURNS bigint LANGUAGE sql AS 'SELECT n * 3';\n"})
	r.converge()
	for sql, want := range map[string]string{"INSERT INTO tenant_acme.more DEFAULT VALUES": "", "SELECT tenant_acme.tripled(2)": ""} {
		if got := r.can(r.app, sql); got != want {
			t.Errorf("%s: %q", sql, got)
		}
	}
	if got := r.can(r.analytics, "SELECT tenant_acme.tripled(2)"); got != denied {
		t.Errorf("everyone may call a new function: %q", got)
	}
}

func TestDriftOfGrantsIsSaidAndMended(t *testing.T) {
	t.Parallel()
	r := newRights(t)
	r.grant("acme, globex, initech")
	r.converge()
	want, err := r.db.Grants(context.Background(), r.asked("acme"))
	if err != nil {
		t.Fatal(err)
	}
	for sql, said := range map[string]string{
		"GRANT INSERT, UPDATE ON tenant_%s.notes TO " + r.analytics:                                     r.analytics + " may INSERT, UPDATE on the table notes, and should not",
		"REVOKE DELETE ON tenant_%s.notes FROM " + r.app:                                                r.app + " may not DELETE on the table notes, and should",
		"GRANT SELECT (text), UPDATE (id) ON tenant_%s.notes TO " + r.analytics:                         r.analytics + " may SELECT on the column notes.text, and should not",
		"GRANT SELECT ON ALL TABLES IN SCHEMA tenant_%s TO PUBLIC":                                      "PUBLIC may SELECT on all tables, and should not",
		"GRANT ALL ON SCHEMA tenant_%s TO PUBLIC":                                                       "PUBLIC may CREATE, USAGE on the schema, and should not",
		"GRANT SELECT ON tenant_%s.notes TO " + r.analytics + " WITH GRANT OPTION":                      r.analytics + " may pass on SELECT on the table notes, and should not",
		"ALTER DEFAULT PRIVILEGES IN SCHEMA tenant_%s GRANT INSERT ON TABLES TO " + r.analytics:         r.analytics + " may INSERT on tables to come, and should not",
		"ALTER DEFAULT PRIVILEGES IN SCHEMA tenant_%s REVOKE SELECT ON TABLES FROM " + r.analytics:      r.analytics + " may not SELECT on tables to come, and should",
		"GRANT EXECUTE ON FUNCTION tenant_%s.doubled(bigint) TO PUBLIC":                                 "PUBLIC may EXECUTE on all routines, and should not",
		"GRANT UPDATE ON SEQUENCE tenant_%s.events_id_seq TO " + r.analytics:                            r.analytics + " may UPDATE on all sequences, and should not",
		"REVOKE USAGE ON SCHEMA tenant_%[1]s FROM " + r.own + "%[1]s":                                   "the tenant's own role may not USAGE on the schema, and should",
		"DROP OWNED BY " + r.own + "%[1]s CASCADE; DROP ROLE " + r.own + "%[1]s; SELECT 'tenant_%[1]s'": "the tenant's own role may not USAGE on the schema, and should",
	} {
		for _, id := range []string{"acme", "initech"} {
			r.exec(fmt.Sprintf(sql, id))
		}
		plan := r.plan()
		drifted := 0
		for _, target := range plan.Targets {
			if target.Reason == reconcile.ReasonDrifted {
				drifted++
				if got := strings.Join(target.Drift, "\n"); !strings.Contains(got, said) {
					t.Errorf("%s\nis said to be\n%s\nwant %s", sql, got, said)
				}
			}
		}
		if drifted != 2 || len(plan.Steps) != 1 {
			t.Errorf("%s: %d drifted, in %d steps", sql, drifted, len(plan.Steps))
		}
		r.converge()
		got, err := r.db.Grants(context.Background(), r.asked("acme"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			lines, _ := r.db.GrantLines(context.Background(), r.asked("acme")[0])
			t.Fatalf("%s is not mended:\n%s\n%v", sql, diff, lines)
		}
	}
}

func (r *rights) asked(id string) []reconcile.Granted {
	return []reconcile.Granted{{Schema: "tenant_" + id, Role: r.own + id}}
}

// looking counts how often grants are read.
type looking struct {
	reconcile.Database
	looks atomic.Int64
}

func (l *looking) Grants(ctx context.Context, schemas []reconcile.Granted) (map[string]string, error) {
	l.looks.Add(1)
	return l.Database.Grants(ctx, schemas)
}

// Where nothing has moved, or nothing is said of grants, nobody looks at them.
func TestGrantsThatHaveNotMovedAreNotLookedAt(t *testing.T) {
	t.Parallel()
	r := newRights(t)
	looks := func() int64 {
		desired, err := r.desired()
		if err != nil {
			t.Fatal(err)
		}
		planner, db := r.planner(desired), &looking{Database: r.db}
		planner.Databases["main"] = db
		if plan, err := planner.Plan(context.Background(), desired); err != nil || plan.Changes() {
			t.Fatalf("%v %+v", err, plan)
		}
		return db.looks.Load()
	}
	r.write(map[string]string{"tenants.yaml": tenants("acme", "globex")})
	r.converge()
	r.exec("GRANT ALL ON SCHEMA tenant_acme TO PUBLIC")
	if n := looks(); n != 0 {
		t.Errorf("unmanaged grants were read %d times", n)
	}
	r.grant("acme, globex")
	r.converge()
	if n := looks(); n != 0 {
		t.Errorf("grants that stand still were read %d times", n)
	}
}

func TestARoleThatIsNotThereIsSaid(t *testing.T) {
	t.Parallel()
	r := newRights(t)
	r.write(map[string]string{"tenants.yaml": "tenants: [acme, {id: globex, access: {nobody_" + r.own + ": read_only}}]\n"})
	report := r.reconcile()
	if got := report.Outcomes[1].Error; report.Outcomes[0].Result != reconcile.ResultApplied || !strings.Contains(got, "no such role in the database: nobody_"+r.own+"; make it, or take it out of access") {
		t.Errorf("%v %q", report.Outcomes[0].Result, got)
	}
}

// A grant that another role has made is not ours to revoke, and is not called
// revoked.
func TestWhatCannotBeRevokedIsAFailure(t *testing.T) {
	t.Parallel()
	r := newRights(t)
	url := pgtest.Role(t, r.url, "NOSUPERUSER")
	r.exec("GRANT CREATE ON DATABASE " + pgx.Identifier{r.conn.Config().Database}.Sanitize() + " TO " + pgtest.RoleName(url))
	var err error
	if r.db, err = postgres.Open(context.Background(), "main", pgtest.Via(t, url), 5); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.db.Close)
	r.write(map[string]string{"tenants.yaml": "tenants: [{id: acme, access: {" + r.app + ": read_only}}]\n"})
	r.converge()
	r.exec("ALTER TABLE tenant_acme.notes OWNER TO CURRENT_USER; GRANT SELECT ON tenant_acme.notes TO PUBLIC")
	for range 2 {
		if got := r.run(); !strings.HasSuffix(got, " failed the statements ran, but still PUBLIC may SELECT on the table notes, and should not: a role that has granted it must revoke it") {
			t.Errorf("the run: %s", got)
		}
	}
}

func TestASuspendedTenantIsClosedAndComesBackAsItWas(t *testing.T) {
	t.Parallel()
	for name, managed := range map[string]bool{"where grants are managed": true, "where they are not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRights(t)
			say := func(entry string) {
				if managed {
					r.grant(entry)
				} else {
					r.say(entry)
				}
			}
			say("acme")
			r.converge()
			if !managed {
				r.exec("GRANT USAGE ON SCHEMA tenant_acme TO " + r.app + "; GRANT SELECT, INSERT ON tenant_acme.notes TO " + r.app + "; GRANT UPDATE (text) ON tenant_acme.notes TO " + r.app)
			}
			r.exec("INSERT INTO tenant_acme.notes VALUES (1, 'kept')")
			before, err := r.db.GrantLines(context.Background(), r.asked("acme")[0])
			if err != nil {
				t.Fatal(err)
			}
			say("{id: acme, state: suspended}")
			r.wantRun("suspend suspended applied")
			r.wantRun("none  unchanged")
			if got := r.can(r.app, "SELECT * FROM tenant_acme.notes"); got != denied {
				t.Errorf("while suspended: %q", got)
			}
			// It is migrated with the fleet, and stays closed.
			r.write(map[string]string{"app.hcl": head + notes(sized)})
			r.wantRun("change definition_changed applied")
			r.exec("GRANT USAGE ON SCHEMA tenant_acme TO PUBLIC")
			r.wantRun("change drifted applied")
			r.wantRun("none  unchanged")
			r.wantKept("tenant_acme")

			say("{id: acme, state: retired}")
			r.wantRun("retire retired applied")
			say("{id: acme, state: suspended}")
			r.wantRun("restore suspended applied")
			r.wantRun("none  unchanged")
			say("acme")
			r.wantRun("resume active applied")
			r.wantRun("none  unchanged")
			after, err := r.db.GrantLines(context.Background(), r.asked("acme")[0])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("not as it was:\n%s", diff)
			}
			r.wantKept("tenant_acme")
		})
	}
}

func TestSuspendingEndsTheSessionsOfTheTenantsOwnRoleIfThePolicySaysSo(t *testing.T) {
	t.Parallel()
	r := newRights(t)
	r.grant("acme")
	r.converge()
	r.exec("ALTER ROLE " + r.own + "acme LOGIN PASSWORD 'x'")
	u, err := url.Parse(r.url)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(r.own+"acme", "x")
	conn, err := pgx.Connect(context.Background(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	r.write(map[string]string{"tenants.yaml": "policy: {end_sessions: true}\ndefaults: {role: \"" + r.own + "{id}\"}\ntenants: [{id: acme, state: suspended}]\n"})
	r.wantRun("suspend suspended applied")
	if _, err := conn.Exec(context.Background(), "SELECT 1"); err == nil {
		t.Error("the session goes on")
	}
}
