package reconcile_test

import (
	"fmt"
	"strings"
	"testing"

	"tenantry/reconcile"
)

// fails applies, and returns why the only target failed.
func (w *world) fails() string {
	w.t.Helper()
	r := w.reconcile()
	if r.Outcomes[0].Result != reconcile.ResultFailed {
		w.t.Fatalf("%s, want failed", r.Outcomes[0].Result)
	}
	return r.Outcomes[0].Error
}

func TestAFileThatFailsLeavesTheFilesBeforeIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"atlas.hcl": versioned, "tenants.yaml": tenants("acme"), "migrations/app/V1__init.sql": posts})
	w.converge()
	w.exec("INSERT INTO tenant_acme.posts VALUES (1, 'twice'), (2, 'twice')")
	w.write(map[string]string{
		"migrations/app/V2__ok.sql":     "ALTER TABLE posts ADD COLUMN rating int;",
		"migrations/app/V3__unique.sql": "ALTER TABLE posts ADD COLUMN lost int;\nCREATE UNIQUE INDEX one_title ON posts (title);",
		"migrations/app/V4__later.sql":  "CREATE TABLE later ();",
	})
	if got := w.fails(); !strings.Contains(got, "V3__unique.sql:2") || !strings.Contains(got, "could not create unique index") {
		t.Errorf("failed with: %s", got)
	}
	if got, want := w.history("tenant_acme"), "V 1, V 2"; got != want {
		t.Errorf("recorded: %s, want %s", got, want)
	}
	if reason := w.plan().Targets[0].Reason; reason != reconcile.ReasonDefinitionChanged {
		t.Errorf("what is half done is planned for as %s", reason)
	}
	w.exec("UPDATE tenant_acme.posts SET title = 'once' WHERE id = 2")
	w.converge()
	if got, want := w.history("tenant_acme"), "V 1, V 2, V 3, V 4"; got != want {
		t.Errorf("recorded: %s, want %s", got, want)
	}
}

func TestAFileWithoutATransactionGoesOnAtItsStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"atlas.hcl": versioned, "tenants.yaml": tenants("acme"), "migrations/app/V1__init.sql": posts})
	w.converge()
	w.exec("INSERT INTO tenant_acme.posts VALUES (1, 'twice'), (2, 'twice')")
	file := `ALTER TABLE posts ADD COLUMN rating int;
CREATE INDEX CONCURRENTLY by_rating ON posts (rating);
INSERT INTO posts VALUES (3, 'once');
CREATE UNIQUE INDEX CONCURRENTLY one_title ON posts (title);
INSERT INTO posts VALUES (4, 'after');`
	w.write(map[string]string{"migrations/app/V2__apart.sql": file})
	if got := w.fails(); !strings.Contains(got, "V2__apart.sql:4") {
		t.Errorf("failed with: %s", got)
	}
	if got, want := w.history("tenant_acme"), "V 1, V 2@3"; got != want {
		t.Errorf("recorded: %s, want %s", got, want)
	}
	w.write(map[string]string{"migrations/app/V2__apart.sql": strings.Replace(file, "rating int", "rating bigint", 1)})
	if got := w.wrong(); !strings.Contains(got, "V2__apart.sql was changed in the first 3 of its statements") {
		t.Errorf("of a change in what has run it says %q", got)
	}
	w.write(map[string]string{"migrations/app/V2__apart.sql": strings.Replace(file, "'after'", "'mended'", 1)})
	w.exec("UPDATE tenant_acme.posts SET title = 'other' WHERE id = 2")
	w.converge()
	if got := value[string](w, "SELECT string_agg(title, ' ' ORDER BY id) FROM tenant_acme.posts"); got != "twice other once mended" {
		t.Errorf("rows: %s", got)
	}
	if got, want := w.history("tenant_acme"), "V 1, V 2"; got != want {
		t.Errorf("recorded: %s, want %s", got, want)
	}
}

// TestAKilledFileGoesOnAtItsStatement kills the connection in the middle of a
// file that is no transaction, and of one that is.
func TestAKilledFileGoesOnAtItsStatement(t *testing.T) {
	t.Parallel()
	kill := "DO $$ BEGIN IF current_schema() = 'tenant_acme' AND nextval('public.kills') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60); END IF; END $$;\n"
	for name, statement := range map[string]string{"apart": "CREATE INDEX CONCURRENTLY by_id ON posts (id, title);\n", "together": "CREATE INDEX by_id ON posts (id, title);\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{"atlas.hcl": versioned, "tenants.yaml": tenants("acme"), "migrations/app/V1__init.sql": posts})
			w.converge()
			w.exec("CREATE SEQUENCE public.kills")
			w.write(map[string]string{
				"migrations/app/V2__before.sql": "INSERT INTO posts VALUES (10, 'before');",
				"migrations/app/V3__killed.sql": statement + "INSERT INTO posts VALUES (11, 'first');\n" + kill + "INSERT INTO posts VALUES (12, 'second');",
				"migrations/app/V4__after.sql":  "INSERT INTO posts VALUES (13, 'after');",
			})
			w.converge()
			if got := value[string](w, "SELECT string_agg(title, ' ' ORDER BY id) FROM tenant_acme.posts"); got != "before first second after" {
				t.Errorf("rows: %s", got)
			}
			if got := value[int](w, "SELECT last_value::int FROM public.kills"); got < 2 {
				t.Error("nothing was killed")
			}
			if got, want := w.history("tenant_acme"), "V 1, V 2, V 3, V 4"; got != want {
				t.Errorf("recorded: %s, want %s", got, want)
			}
		})
	}
}

// A value that one file adds to an enum is used by the next: on the workbench too,
// which is one transaction.
func TestAFileUsesTheValueThatAnotherHasAddedToAnEnum(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"atlas.hcl": versioned, "tenants.yaml": tenants("acme"), "migrations/app/V1__init.sql": "CREATE TYPE mood AS ENUM ('fine');\nCREATE TABLE posts (id int, mood mood);"})
	w.converge()
	w.files(map[string]string{"V2__value.sql": "ALTER TYPE mood ADD VALUE 'new';"})
	w.write(map[string]string{"tenants.yaml": tenants("acme", "beta")})
	w.converge()
	w.files(map[string]string{"V3__use.sql": "ALTER TABLE posts ALTER mood SET DEFAULT 'new';\nINSERT INTO posts VALUES (1);", "V4__value.sql": "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'newer' BEFORE 'fine';", "V5__use.sql": "UPDATE posts SET mood = 'newer' WHERE mood = 'new';"})
	w.write(map[string]string{"tenants.yaml": tenants("acme", "beta", "late")})
	w.converge()
	for _, name := range []string{"acme", "beta", "late"} {
		if got := value[string](w, "SELECT mood FROM tenant_"+name+".posts"); got != "newer" {
			t.Errorf("%s has %s", name, got)
		}
	}
	w.files(map[string]string{"V6__wrong.sql": "ALTER TYPE mood ADD VALUE 'last';\n\nSELECT nothing;"})
	if got := w.wrong(); !strings.Contains(got, "V6__wrong.sql:3:8: error[migration-fails]") {
		t.Errorf("it says %q", got)
	}
}

// The record of an index that is built, or dropped, may be lost with its connection,
// or with the process: it is not built twice, nor is its name in the way.
func TestAnIndexWhoseRecordIsLostIsNotInTheWay(t *testing.T) {
	t.Parallel()
	const file = "CREATE INDEX CONCURRENTLY by_title ON posts (title);\nINSERT INTO posts VALUES (1, 'once');\nDROP INDEX CONCURRENTLY old;\nINSERT INTO posts VALUES (2, 'after');"
	for name, code := range map[string]string{"and the run goes on": "40001", "and the next run goes on": "P0001"} {
		for _, position := range []int{1, 3} {
			t.Run(fmt.Sprint(position, " ", name), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, map[string]string{"atlas.hcl": versioned, "tenants.yaml": tenants("acme"), "migrations/app/V1__init.sql": posts + "\nCREATE INDEX old ON posts (id, title);"})
				w.converge()
				w.exec(fmt.Sprintf(`CREATE SEQUENCE public.lost;
					CREATE FUNCTION public.lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
						IF NEW.position = %d AND NOT NEW.done AND nextval('public.lost') = 1 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '%s'; END IF;
						RETURN NEW;
					END $$;
					CREATE TRIGGER lose BEFORE INSERT OR UPDATE ON tenantry.migration FOR EACH ROW EXECUTE FUNCTION public.lose()`, position, code))
				w.files(map[string]string{"V2__together.sql": "CREATE TABLE more ();", "V3__apart.sql": file})
				if code == "P0001" {
					if got := w.fails(); !strings.Contains(got, "lost") {
						t.Fatalf("failed with: %s", got)
					}
					if plan, left := w.plan(), strings.Split(file, "\n")[position-1:]; len(plan.Steps[0].Statements) != len(left) {
						t.Errorf("to go on it runs more than is left:\n%s", statements(plan))
					}
				}
				w.converge()
				if got := value[string](w, "SELECT string_agg(title, ' ' ORDER BY id) FROM tenant_acme.posts"); got != "once after" {
					t.Errorf("rows: %s", got)
				}
				if !value[bool](w, "SELECT is_called FROM public.lost") {
					t.Error("nothing was lost")
				}
			})
		}
	}
}

func TestFlywayAndTenantryTakeTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"atlas.hcl":    strings.Replace(versioned, "format = flyway", "format = flyway\n    history = flyway", 1),
		"tenants.yaml": tenants("acme"), "migrations/app/V1__init.sql": posts,
		"migrations/app/R__all.sql": "CREATE OR REPLACE VIEW everything AS SELECT id FROM ${flyway:defaultSchema}.posts;",
	})
	w.converge()
	// What Flyway would do with V2, in its own words.
	w.write(map[string]string{"migrations/app/V2__more.sql": "ALTER TABLE posts ADD COLUMN more int;\n"})
	w.exec("ALTER TABLE tenant_acme.posts ADD COLUMN more int")
	w.exec(`INSERT INTO tenant_acme.flyway_schema_history (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
		VALUES (3, '2', 'more', 'SQL', 'V2__more.sql', $1, 'flyway', 5, true)`, crc32Of("ALTER TABLE posts ADD COLUMN more int;"))
	if plan := w.plan(); plan.Changes() {
		t.Errorf("what Flyway has done is planned again: %s", statements(plan))
	}
	w.write(map[string]string{"migrations/app/V3__last.sql": "ALTER TABLE posts ADD COLUMN last int;", "tenants.yaml": tenants("acme", "beta")})
	if reason := w.plan().Targets[0].Reason; reason != reconcile.ReasonDefinitionChanged {
		t.Errorf("what Flyway has done is taken for %s", reason)
	}
	w.converge()
	got := value[string](w, "SELECT string_agg(format('%s %s %s %s', installed_rank, coalesce(version, '-'), description, type), ', ' ORDER BY installed_rank) FROM tenant_acme.flyway_schema_history WHERE success")
	if want := "1 1 init SQL, 2 - all SQL, 3 2 more SQL, 4 3 last SQL"; got != want {
		t.Errorf("Flyway's table: %s, want %s", got, want)
	}
	if got, want := value[int](w, "SELECT checksum FROM tenant_acme.flyway_schema_history WHERE version IS NULL"), crc32Of("CREATE OR REPLACE VIEW everything AS SELECT id FROM tenant_acme.posts;"); got != want {
		t.Errorf("the checksum of the view is %d, and Flyway's would be %d", got, want)
	}
	w.exec("UPDATE tenant_acme.flyway_schema_history SET success = false WHERE version = '3'")
	w.write(map[string]string{"migrations/app/V4__x.sql": "SELECT 1;"})
	if got := w.wrong(); !strings.Contains(got, "V3__last.sql has failed under Flyway") {
		t.Errorf("of what has failed under Flyway it says %q", got)
	}
}

func TestSchemasThatFlywayHasMadeMoveIn(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"atlas.hcl": versioned, "tenants.yaml": tenants("with", "without", "old", "strange"),
		"migrations/app/V1__init.sql": posts, "migrations/app/V2__b.sql": "ALTER TABLE posts ADD COLUMN b int;",
	}
	w := newWorld(t, files)
	w.adopt = true
	for _, s := range []string{"with", "without", "old", "strange"} {
		w.exec(fmt.Sprintf("CREATE SCHEMA tenant_%[1]s; CREATE TABLE tenant_%[1]s.posts (id bigint PRIMARY KEY, title text)", s))
	}
	w.exec("ALTER TABLE tenant_with.posts ADD COLUMN b int; ALTER TABLE tenant_without.posts ADD COLUMN b int; CREATE TABLE tenant_strange.other ()")
	w.exec(`CREATE TABLE tenant_with.flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50), description varchar(200) NOT NULL, type varchar(20) NOT NULL,
		script varchar(1000) NOT NULL, checksum int, installed_by varchar(100) NOT NULL, installed_on timestamp NOT NULL DEFAULT now(), execution_time int NOT NULL, success boolean NOT NULL)`)
	for i, file := range []string{"V1__init.sql", "V2__b.sql"} {
		w.exec("INSERT INTO tenant_with.flyway_schema_history VALUES ($1, ($1::int)::text, $2, 'SQL', $3, $4, 'flyway', now(), 1, true)", i+1, file[4:len(file)-4], file, crc32Of(files["migrations/app/"+file]))
	}
	r := w.reconcile()
	var got []string
	for i, t := range r.Plan.Targets {
		got = append(got, fmt.Sprintf("%s %s %s", t.Tenant, t.Action, r.Outcomes[i].Result))
	}
	if want := "with none unchanged, without none unchanged, old change applied, strange change failed"; strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
	for _, s := range []string{"with", "without", "old"} {
		if got := w.history("tenant_" + s); got != "V 1, V 2" {
			t.Errorf("%s: recorded: %s", s, got)
		}
	}
	if got := w.wrong(); !strings.Contains(got, "strange: it was there before") || strings.Contains(got, "with") && strings.Contains(got, "without:") {
		t.Errorf("wrong: %s", got)
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{
		"atlas.hcl": `
env "goose" {
  migration {
    dir    = "file://goose"
    format = goose
  }
}
env "gm" {
  migration {
    dir    = "file://gm"
    format = golang-migrate
  }
}
env "lb" {
  migration {
    dir    = "file://lb"
    format = liquibase
  }
}
`,
		"tenants.yaml":     "defaults: {schema: \"{id}_{service}\"}\ntenants: [acme]\n",
		"goose/9_a.sql":    "-- +goose Up\nCREATE TABLE a (\"Down\" int);\n-- +goose StatementBegin\nCREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN 1;\nEND;\n$$;\n-- +goose StatementEnd\n-- +goose Down\nDROP TABLE a;\n",
		"goose/10_b.sql":   "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY i ON a (\"Down\");\n-- +goose Down\nDROP INDEX i;\n",
		"gm/9_a.up.sql":    "BEGIN;\nCREATE TABLE a (x int);\nCOMMIT;\n",
		"gm/9_a.down.sql":  "DROP TABLE a;",
		"gm/10_b_c.up.sql": "ALTER TABLE a ADD COLUMN y int;",
		"lb/1_a.sql":       "--liquibase formatted sql\n--changeset me:1\nCREATE TABLE a (x int);\n--rollback DROP TABLE a;\n",
	})
	w.converge()
	for name, want := range map[string]string{"acme_goose": "V 9, V 1", "acme_gm": "V 9, V 1", "acme_lb": "V 1"} {
		if got := w.history(name); got != strings.ReplaceAll(want, "V 9, V 1", "V 9, V 10") {
			t.Errorf("%s: recorded: %s", name, got)
		}
	}
	if !value[bool](w, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'acme_goose.i'::regclass") {
		t.Error("goose's index is not there")
	}
	for text, want := range map[string]string{
		"-- +goose Up\nSELECT 1;\n\n-- +goose StatementBegin\nSELECT nothing;\n-- +goose StatementEnd\n": "11_c.sql:5:8: error[migration-fails]",
		"SELECT 1;\n": "11_c.sql:1:1: error[goose-directive]: a migration of goose begins with -- +goose Up",
		"-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n-- +goose Down\n": "11_c.sql:4:1: error[goose-directive]: -- +goose Down has no place here",
	} {
		w.write(map[string]string{"goose/11_c.sql": text})
		if got := w.wrong(); !strings.Contains(got, want) {
			t.Errorf("of %q it says %q", text, got)
		}
	}
	w.write(map[string]string{"goose/11_c.sql": "-- +goose Up\n-- +goose StatementBegin\nALTER TABLE a ADD x int; ALTER TABLE a ADD y int\n-- +goose StatementEnd\nINSERT INTO a VALUES (1, 2, 3);\n"})
	w.converge()
	w.write(map[string]string{"lb/2_b.sql": "--liquibase formatted sql\n--changeset me:2 runOnChange:true\nSELECT 1;\n"})
	if got := w.wrong(); !strings.Contains(got, "runOnChange:true of a changeset is not supported") {
		t.Errorf("of what the library reads over it says %q", got)
	}
}

// crc32Of is what Flyway computes of one line.
func crc32Of(line string) int {
	crc := ^uint32(0)
	for _, b := range []byte(line) {
		crc ^= uint32(b)
		for range 8 {
			crc = crc>>1 ^ 0xEDB88320&-(crc&1)
		}
	}
	return int(int32(^crc))
}
