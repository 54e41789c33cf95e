package reconcile_test

import (
	"fmt"
	"strings"
	"testing"
)

// destroying are ways in which a file may lose what rows hold.
var destroying = map[string]string{
	"a_column":                  "ALTER TABLE posts DROP COLUMN title;",
	"a_column_of_two":           "ALTER TABLE posts ADD COLUMN more int, DROP COLUMN title;",
	"a_table":                   "DROP TABLE posts;",
	"the_second_of_two_tables":  "CREATE TABLE other (); DROP TABLE other, posts CASCADE;",
	"a_table_under_a_new_name":  "ALTER TABLE posts RENAME TO old_posts;\nDROP TABLE old_posts;",
	"a_column_under_a_new_name": "ALTER TABLE posts RENAME COLUMN title TO old_title;\nALTER TABLE posts DROP old_title;",
	"a_table_in_a_block":        "DO $$ BEGIN EXECUTE 'DROP TABLE ' || 'posts'; END $$;",
	"a_column_in_a_block":       "SELECT 1;\nDO $$ BEGIN EXECUTE 'ALTER TABLE posts DROP COLUMN ' || 'title'; END $$;",
	"a_type_and_its_columns":    "DROP TYPE mood CASCADE;",
	"all_rows":                  "TRUNCATE TABLE ONLY posts;",
	"all_rows_of_two":           "CREATE TABLE other (); TRUNCATE other, posts RESTART IDENTITY;",
	"all_rows_one_by_one":       "DELETE FROM posts;",
	"a_partition":               "DROP TABLE parts1;",
	"a_partitioned_table":       "DROP TABLE parts;",
	"unseen":                    "TRUNCATE posts CASCADE;", // and whatever refers to them
}

// What a file destroys goes where there is nothing, and is held back where there
// is, together with what comes after it. With deny it is held back everywhere.
func TestWhatAFileDestroysIsHeldToThePolicy(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]map[string]string{
		"deny":     {"full": "blocked V 1", "empty": "blocked V 1"},
		"if-empty": {"full": "blocked V 1, V 2", "empty": "applied V 1, V 2, V 3, V 4"},
	} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			file, project := "defaults: {schema: \"{id}_{service}\"}\ntenants: [full, empty]\n", ""
			for name := range destroying {
				project += strings.NewReplacer("app", name).Replace(versioned)
				w.write(map[string]string{"migrations/" + name + "/V1__init.sql": "CREATE TYPE mood AS ENUM ('fine');\nCREATE TABLE posts (id bigint PRIMARY KEY, title text, mood mood);\n" +
					"CREATE TABLE parts (id int) PARTITION BY LIST (id);\nCREATE TABLE parts1 PARTITION OF parts FOR VALUES IN (1);"})
			}
			w.write(map[string]string{"atlas.hcl": project, "tenants.yaml": "policy: {destructive: " + policy + "}\n" + file})
			w.converge()
			for name, sql := range destroying {
				w.exec("INSERT INTO full_" + name + ".posts VALUES (1, 'kept', 'fine')")
				w.exec("INSERT INTO full_" + name + ".parts VALUES (1)")
				w.write(map[string]string{
					"migrations/" + name + "/V2__before.sql": "CREATE TABLE before ();", "migrations/" + name + "/V3__destroys.sql": sql, "migrations/" + name + "/V4__after.sql": "CREATE TABLE after ();",
				})
			}
			r := w.reconcile()
			for i, target := range r.Plan.Targets {
				tenant, name, _ := strings.Cut(target.Schema, "_")
				want := want[tenant]
				if name == "unseen" {
					want = "blocked V 1"
				}
				if got := fmt.Sprintf("%s %s", r.Outcomes[i].Result, w.history(target.Schema)); got != want {
					t.Errorf("%s, %s: %s, want %s\n%s", name, tenant, got, want, r.Outcomes[i].Error)
				}
			}
			for name := range destroying {
				if got := value[string](w, "SELECT (SELECT string_agg(title || mood, '') FROM full_"+name+".posts) || (SELECT count(*) FROM full_"+name+".parts)"); got != "keptfine1" {
					t.Errorf("%s: the rows are %q", name, got)
				}
			}
			w.write(map[string]string{"tenants.yaml": "policy: {destructive: allow}\n" + file})
			w.converge()
			for name := range destroying {
				if got := w.history("full_" + name); got != "V 1, V 2, V 3, V 4" {
					t.Errorf("%s, allowed: %s", name, got)
				}
			}
		})
	}
}

// What a file drops of what the pending files have made themselves, and what it
// says of some rows, is meant as it stands.
func TestWhatAFileHasMadeItMayDrop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, map[string]string{"atlas.hcl": versioned, "tenants.yaml": tenants("acme"), "migrations/app/V1__init.sql": posts})
	w.converge()
	w.exec("INSERT INTO tenant_acme.posts VALUES (1, 'kept')")
	w.write(map[string]string{
		"migrations/app/V2__staging.sql": "CREATE TABLE staging AS SELECT * FROM posts;\nALTER TABLE posts ADD COLUMN tmp int;\nUPDATE posts SET tmp = 1;\nCREATE VIEW v AS SELECT id FROM posts;",
		"migrations/app/V3__gone.sql":    "DELETE FROM posts WHERE id > 1;\nTRUNCATE staging;\nDROP TABLE staging;\nALTER TABLE posts DROP COLUMN tmp;\nDROP VIEW v CASCADE;",
	})
	w.converge()
	if got, want := w.history("tenant_acme"), "V 1, V 2, V 3"; got != want {
		t.Errorf("recorded: %s, want %s", got, want)
	}
}
