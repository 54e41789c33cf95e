package reconcile_test

import (
	"fmt"
	"strings"
	"testing"

	"tenantry/reconcile"
)

// Before so many tables refer to a shared one that PostgreSQL could not look into
// all of them, which it does when a row there is deleted, the plan says so.
func TestAPlanWarnsOfASharedTableThatTooManyReferTo(t *testing.T) {
	t.Parallel()
	var app strings.Builder
	for i := range 20 {
		fmt.Fprintf(&app, "CREATE TABLE t%d (id int PRIMARY KEY, person int REFERENCES identity.users, again int REFERENCES identity.users);\n", i)
	}
	w := newWorld(t, map[string]string{
		"atlas.hcl":    "env \"identity\" {\n  src = [\"file://identity.sql\"]\n}\nenv \"app\" {\n  src = [\"file://app.sql\"]\n}\n",
		"identity.sql": "CREATE TABLE users (id int PRIMARY KEY);", "app.sql": app.String(),
	})
	warned := func(n int) (notes []reconcile.Diagnostic) {
		t.Helper()
		var ids []string
		for i := range n {
			ids = append(ids, fmt.Sprintf("t%d", i))
		}
		w.write(map[string]string{"tenants.yaml": "shared: [identity]\ndefaults: {services: [app]}\n" + tenants(ids...)})
		for _, d := range w.plan().Diagnostics {
			if d.Code == reconcile.CodeManyReferences {
				notes = append(notes, d)
			}
		}
		return notes
	}
	room := value[int](w, "SELECT current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int)")
	most := room / 2 / 40 // each tenant takes the locks of 20 tables and of their indexes
	if notes := warned(most); len(notes) > 0 {
		t.Errorf("%d tenants: %v", most, notes)
	}
	notes := warned(most + 1)
	if len(notes) != 1 {
		t.Fatalf("%d tenants: %v", most+1, notes)
	}
	for _, want := range []string{fmt.Sprintf("%d foreign keys of tenants lead to identity.users;", 40*(most+1)), fmt.Sprintf("takes %d locks", 40*(most+1)), fmt.Sprintf("about %d", room)} {
		if !strings.Contains(notes[0].Message, want) {
			t.Errorf("without %q: %s", want, notes[0].Message)
		}
	}
}
