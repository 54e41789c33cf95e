package reconcile_test

import (
	"context"
	"strings"
	"testing"

	"tenantry/reconcile"
)

// A step that touches some relations only is checked by what these are before
// and after, and not by all that the schema holds.

const twoTables = head + `
table "posts" {
  schema = schema.tenant
  column "id" { type = int }
  primary_key { columns = [column.id] }
}
table "notes" {
  schema = schema.tenant
  column "id" { type = int }
  column "post" { type = int }
  foreign_key "note_post" {
    columns     = [column.post]
    ref_columns = [table.posts.column.id]
  }
}
`

// withTitle gives posts a column more.
var withTitle = strings.Replace(twoTables, `  column "id" { type = int }`, `  column "id" { type = int }
  column "title" {
    type    = text
    default = "none"
  }`, 1)

// planned returns a world where the plan for withTitle is made and not applied.
func planned(t *testing.T) (*world, func() reconcile.Outcome) {
	t.Helper()
	w := newWorld(t, map[string]string{"atlas.hcl": oneService, "tenants.yaml": tenants("acme"), "app.hcl": twoTables})
	w.converge()
	w.write(map[string]string{"app.hcl": withTitle})
	desired, err := w.desired()
	if err != nil {
		t.Fatal(err)
	}
	plan := w.plan()
	return w, func() reconcile.Outcome { return w.apply(desired, plan).Outcomes[0] }
}

// observed returns what is live in tenant_acme and what is recorded of it.
func (w *world) observed() (reconcile.Live, reconcile.Record) {
	w.t.Helper()
	o, err := w.db.Observe(context.Background(), []string{"tenant_acme"}, true)
	if err != nil {
		w.t.Fatal(err)
	}
	return o.Live["tenant_acme"], o.Records[0]
}

func TestTheTokenOfATouchedTargetIsTheOneThatTheNextRunReads(t *testing.T) {
	t.Parallel()
	w, apply := planned(t)
	if o := apply(); o.Result != reconcile.ResultApplied {
		t.Fatal(o)
	}
	live, record := w.observed()
	if live.Token != record.Token || live.Fingerprint != record.Fingerprint {
		t.Errorf("live %+v, recorded %+v", live, record)
	}
	w.exec("UPDATE tenantry.target SET token = ''") // so that all is looked at
	if looked, _ := w.observed(); looked != live {
		t.Errorf("looked at as a whole it is %+v, recorded was %+v", looked, live)
	}
}

func TestWhatSomebodyDoesElsewhereMeanwhileIsDriftAfterwards(t *testing.T) {
	t.Parallel()
	w, apply := planned(t)
	w.exec("ALTER TABLE tenant_acme.notes ADD COLUMN by_hand text")
	if o := apply(); o.Result != reconcile.ResultApplied {
		t.Fatal(o)
	}
	again := w.plan()
	if drift := again.Targets[0].Drift; strings.Join(drift, ";") != "column notes.by_hand: unexpected" {
		t.Errorf("drift: %v", drift)
	}
}

func TestWhatSomebodyDoesToTheSameTableMeanwhileMakesThePlanStale(t *testing.T) {
	t.Parallel()
	for _, what := range []string{
		"ALTER TABLE tenant_acme.posts ADD COLUMN title int",       // the statement fails
		"ALTER TABLE tenant_acme.posts ADD COLUMN by_hand text",    // it does not
		"ALTER TABLE tenant_acme.posts RENAME COLUMN id TO number", // nor here
		"DROP TABLE tenant_acme.posts CASCADE",
	} {
		w, apply := planned(t)
		before, _ := w.observed()
		w.exec(what)
		moved, _ := w.observed()
		if o := apply(); o.Result != reconcile.ResultFailed || !strings.Contains(o.Error, "changed after it was observed") {
			t.Errorf("%s: %+v", what, o)
		}
		if now, _ := w.observed(); now != moved || now == before {
			t.Errorf("%s: it was changed all the same", what)
		}
	}
}

func TestWhatAnotherRunHasDoneMeanwhileIsNotDoneAgain(t *testing.T) {
	t.Parallel()
	w, apply := planned(t)
	w.reconcile()
	if o := apply(); o.Result != reconcile.ResultUnchanged {
		t.Errorf("%+v", o)
	}
	if n := value[int](w, "SELECT count(*) FROM tenantry.change"); n != 2 {
		t.Errorf("%d changes are on record", n)
	}
}
