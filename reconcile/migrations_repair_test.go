package reconcile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantry/reconcile"
)

// A file that was changed after it was applied is refused, until it is said that it
// counts as applied as it is: then its checksum is recorded, and a schema is brought
// to what the files make now, as far as the policy lets it be.
func TestAFileThatWasChangedCountsAsAppliedOnceThatIsSaid(t *testing.T) {
	t.Parallel()
	fileWorlds(t, func(t *testing.T, w *world) {
		w.write(map[string]string{"tenants.yaml": tenants("acme", "globex")})
		w.files(map[string]string{"V1__init.sql": posts + "\nINSERT INTO posts VALUES (1, 'kept');", "V2__more.sql": "ALTER TABLE posts ADD COLUMN more int;"})
		w.converge()
		refused := func(when string) {
			t.Helper()
			w.repair = false
			if got := w.wrong(); !strings.Contains(got, "acme: its history does not go with the files: V1__init.sql was changed after it was applied") || !strings.Contains(got, "with --repair") {
				t.Errorf("%s it says %q", when, got)
			}
			w.repair = true
		}

		// A comment makes no difference but to the checksum.
		w.files(map[string]string{"V1__init.sql": "-- what people write\n" + posts + "\nINSERT INTO posts VALUES (1, 'kept');"})
		refused("of a comment")
		plan := w.plan()
		if plan.Changes() || plan.Targets[0].Diagnostics[0].Code != "migration-repaired" {
			t.Errorf("planned: %+v\n%s", plan.Targets[0], statements(plan))
		}
		w.converge()
		w.repair = false
		w.files(map[string]string{"V3__next.sql": "CREATE TABLE next ();"})
		w.converge()

		// What makes another difference is brought about, with a file that is pending, one that is no transaction too.
		w.files(map[string]string{"V1__init.sql": strings.Replace(posts, "title text", "title text NOT NULL, size int", 1) + "\nINSERT INTO posts VALUES (1, 'kept', 5);", "V4__apart.sql": "CREATE INDEX CONCURRENTLY by_size ON posts (size);"})
		refused("of a column")
		w.converge()
		if got := w.applied("tenant_acme"); strings.Count(got, "V ") != 4 {
			t.Errorf("recorded: %s", got)
		}
		w.repair = false
		w.write(map[string]string{"tenants.yaml": tenants("acme", "globex", "fresh")})
		w.converge()
		if diff := cmp.Diff(w.lines("tenant_fresh"), w.lines("tenant_acme")); diff != "" {
			t.Error(diff)
		}

		// Nothing is lost by it.
		w.files(map[string]string{"V1__init.sql": posts + "\nINSERT INTO posts VALUES (1, 'kept');", "V4__apart.sql": "SELECT 1;"})
		refused("of a column that is gone")
		if r := w.reconcile(); r.Outcomes[0].Result != reconcile.ResultBlocked || r.Plan.Targets[0].Reason != reconcile.ReasonHazard {
			t.Errorf("acme: %s %s %s", r.Outcomes[0].Result, r.Plan.Targets[0].Reason, r.Outcomes[0].Error)
		}
		if got := value[string](w, "SELECT title FROM tenant_acme.posts"); got != "kept" {
			t.Errorf("the row has %q", got)
		}
	})
}
