package loop

import (
	"fmt"
	"testing"
	"time"

	"tenantry/reconcile"
	"tenantry/schema"
	"tenantry/state"
)

// fleet returns what is desired of tenants t0, t1 and so on.
func fleet(n int) *reconcile.Desired {
	d := &reconcile.Desired{}
	for i := range n {
		d.Targets = append(d.Targets, reconcile.Target{
			Key: reconcile.Key{Database: "main", Schema: fmt.Sprint("t", i)}, Tenant: fmt.Sprint("t", i), Blueprint: &schema.Blueprint{Digest: "one"},
		})
	}
	return d
}

// as returns the schemas of a fleet, all of them in one state.
func as(d *reconcile.Desired, s reconcile.State) found {
	out := make(found)
	for _, t := range d.Targets {
		out[t.Key] = Schema{TargetStatus: reconcile.TargetStatus{Tenant: t.Tenant, Database: t.Database, Schema: t.Schema, State: s}}
	}
	return out
}

func always(Schema) bool { return true }

func due(m memory, d *reconcile.Desired, now time.Time) string {
	few, next, gone := m.due(d, now)
	names := ""
	for _, t := range few {
		names += t.Schema + " "
	}
	wait := "never"
	if !next.IsZero() {
		wait = next.Sub(now).String()
	}
	return fmt.Sprintf("%s%v %v", names, wait, gone)
}

func TestWhatIsDueIsWhatTheFilesSayOtherwise(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	m := make(memory)
	expect := func(what string, d *reconcile.Desired, want string) {
		t.Helper()
		if got := due(m, d, now); got != want {
			t.Errorf("%s: %q is due, not %q", what, got, want)
		}
	}
	expect("nothing is known", fleet(2), "t0 t1 never false")
	m.saw(fleet(2), as(fleet(2), reconcile.StateInSync), now, always)
	expect("all is well", fleet(2), "never false")
	expect("one more", fleet(3), "t2 never false")
	expect("one less", fleet(1), "never true")

	redefined := fleet(2)
	redefined.Targets[1].Blueprint = &schema.Blueprint{Digest: "two"}
	expect("one is defined otherwise", redefined, "t1 never false")
	retired := fleet(2)
	retired.Targets[0].State = state.Retired
	expect("one is to be retired", retired, "t0 never false")
	m.saw(retired, found{{Database: "main", Schema: "t0_put_aside"}: {TargetStatus: reconcile.TargetStatus{Tenant: "t0", Database: "main", Schema: "t0_put_aside", State: reconcile.StateRetired,
		Conditions: []reconcile.Condition{{Type: reconcile.ConditionReady, Status: true}}}}}, now, always)
	if k := m[retired.Targets[0].Key]; !k.fine {
		t.Errorf("it was put aside under another name, and that is not known: %+v", k)
	}
}

func TestWhatFailsIsTriedAgainAfterLongerAndLonger(t *testing.T) {
	t.Parallel()
	now, d, m := time.Unix(0, 0), fleet(1), make(memory)
	var waits []time.Duration
	for range 10 {
		m.saw(d, as(d, reconcile.StateFailing), now, always)
		_, next, _ := m.due(d, now)
		waits = append(waits, next.Sub(now))
		now = next
		if few, _, _ := m.due(d, now); len(few) != 1 {
			t.Fatalf("after its wait it is not due: %v", waits)
		}
	}
	want := "[500ms 1s 2s 4s 8s 16s 32s 1m0s 1m0s 1m0s]"
	if got := fmt.Sprint(waits); got != want {
		t.Errorf("it waited %s, not %s", got, want)
	}
	d.Targets[0].Blueprint = &schema.Blueprint{Digest: "mended"}
	if got := due(m, d, now.Add(-time.Second)); got != "t0 never false" {
		t.Errorf("a new definition is not tried at once: %s", got)
	}
	m.saw(d, as(d, reconcile.StateFailing), now, always)
	if _, next, _ := m.due(d, now); next.Sub(now) != shortestWait {
		t.Errorf("a new definition that fails waits %s", next.Sub(now))
	}
	m.saw(d, as(d, reconcile.StateDrifted), now, func(Schema) bool { return false })
	if got := due(m, d, now.Add(time.Hour)); got != "never false" {
		t.Errorf("what may not change is tried again by itself: %s", got)
	}
}

func TestWhoDoesNotKeepUpMayComeBack(t *testing.T) {
	t.Parallel()
	var f feed
	_, slow, cancel := f.subscribe(0)
	defer cancel()
	for i := range kept + 10 {
		f.tell(time.Unix(0, 0), EventFleet, i)
	}
	read := 0
	for range slow { // it is closed
		read++
	}
	past, _, cancelAgain := f.subscribe(uint64(read))
	defer cancelAgain()
	if read != waiting || len(past) != kept+10-read || past[0].ID != uint64(read+1) {
		t.Errorf("it read %d events, and coming back was told of %d, the first %d", read, len(past), past[0].ID)
	}
}
