package postgres

import (
	"strings"
	"testing"

	"tenantry/internal/pgtest"
)

// A pooler that is up, and whose server has gone: to us the database is not reached,
// and nothing can be done in it until it is.
func TestAPoolerWithoutItsServerIsNoDatabase(t *testing.T) {
	t.Parallel()
	relay := pgtest.NewRelay(t, pgtest.URL(t))
	db, err := Open(t.Context(), "main", pgtest.Pooled(t, relay.URL()), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	relay.Close()
	for range 3 { // the first may only lose the connection that it has
		if _, err = db.Observe(t.Context(), nil, true); err == nil {
			t.Fatal("there is no server, and it answers")
		}
	}
	if !db.Gone(err) || !strings.Contains(err.Error(), "cannot connect") {
		t.Errorf("gone: %v; %v", db.Gone(err), err)
	}
}
