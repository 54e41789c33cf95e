package postgres

import (
	"testing"

	"tenantry/internal/pgtest"
	"tenantry/reconcile"
)

func TestAConnectionThatHasDoneEnoughForTargetsIsReplaced(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, err := Open(ctx, "main", pgtest.URL(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	connections := func() int64 {
		t.Helper()
		if _, err := db.pool.Exec(ctx, "SELECT"); err != nil { // which brings the next one about
			t.Fatal(err)
		}
		return db.pool.Stat().NewConnsCount()
	}
	ways := map[string]func(*transaction) (int, error){
		"query by query": func(x *transaction) (int, error) { return x.send(ctx) },
		"as one text":    func(x *transaction) (int, error) { return x.sendInline(ctx) },
	}
	for name, send := range ways {
		sent := func(queries int) {
			t.Helper()
			x := newTransaction(db, portion{Work: reconcile.Work{}})
			for x.batch.Len() < queries-1 { // and its COMMIT
				x.batch.Queue("SELECT 1")
			}
			if _, err := send(x); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		before := connections()
		sent(endurance / 2)
		sent(endurance/2 - 1)
		if connections() != before {
			t.Errorf("%s: it was replaced before it had sent %d", name, endurance)
		}
		sent(3)
		if connections() != before+1 {
			t.Errorf("%s: it was not replaced after it had sent %d", name, endurance)
		}
	}
}
