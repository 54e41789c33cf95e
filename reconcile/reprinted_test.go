package reconcile_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantry/reconcile"
	"tenantry/schema"
)

// PostgreSQL prints x IN ('a', 'b') on a varchar in words that it prints in
// other ones when it has read them. A schema made by hand has the first, one that
// was copied from its definition the second. That is no difference.
func TestASchemaInOtherWordsIsAsItShouldBe(t *testing.T) {
	t.Parallel()
	const table = "CREATE TABLE t (kind varchar(10) NOT NULL CONSTRAINT known CHECK (kind IN ('a', 'b')));"
	w := newWorld(t, map[string]string{
		"atlas.hcl": "env \"app\" {\n  src = [\"file://app.sql\"]\n}\n", "tenants.yaml": tenants("byhand", "created"), "app.sql": table,
	})
	w.exec("CREATE SCHEMA tenant_byhand; SET search_path = tenant_byhand; " + table + " RESET search_path")
	before := w.lines("tenant_byhand")

	w.converge()
	if diff := cmp.Diff(before, w.lines("tenant_byhand")); diff != "" {
		t.Errorf("it was changed, and not asked for: %s", diff)
	}
	if cmp.Equal(before, w.lines("tenant_created")) {
		t.Fatal("this server has one way of printing it, and the test shows nothing")
	}
	if n := value[int](w, "SELECT count(*) FROM tenantry.change WHERE tenant = 'byhand'"); n != 0 {
		t.Errorf("%d changes", n)
	}
	desired, err := w.desired()
	if err != nil {
		t.Fatal(err)
	}
	fleet, err := w.planner(desired).Status(context.Background(), desired)
	if err != nil {
		t.Fatal(err)
	}
	if n := fleet.Summary[reconcile.StateInSync]; n != 2 {
		t.Errorf("in sync are %d of 2: %v", n, fleet.Summary)
	}

	// What really differs is still seen, and what changes brings the words along.
	w.exec("ALTER TABLE tenant_byhand.t ALTER kind DROP NOT NULL")
	if drifted := w.plan().Summary.Drifted; drifted != 1 {
		t.Errorf("%d drifted", drifted)
	}
	w.exec("ALTER TABLE tenant_byhand.t ALTER kind SET NOT NULL")
	w.write(map[string]string{"app.sql": table + "ALTER TABLE t ADD more int;"})
	w.converge()
	if diff := cmp.Diff(w.lines("tenant_created"), w.lines("tenant_byhand")); diff != "" {
		t.Errorf("after a change they are not the same:\n%s", diff)
	}
	w.exec("CREATE SCHEMA other; CREATE TABLE other.t (kind varchar(10) NOT NULL CONSTRAINT known CHECK (kind IN ('a', 'c')))")
	if f := schema.FingerprintOf(w.lines("other")); f == schema.FingerprintOf(before) {
		t.Error("other values have the same fingerprint")
	}
}
