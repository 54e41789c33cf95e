package ui_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"tenantry/internal/loop"
	"tenantry/internal/runbook"
	"tenantry/internal/runbook/ui"
	"tenantry/reconcile"
	"tenantry/state"
)

// seen is a fleet that was looked at; nothing else is asked of it.
type seen struct {
	runbook.Fleet
	observation *loop.Observation
}

func (s seen) Observation() *loop.Observation { return s.observation }

// bigFleet has so many tenants, of which some are in each state.
func bigFleet(n int) *loop.Observation {
	states := []reconcile.State{reconcile.StateDrifted, reconcile.StateFailing, reconcile.StateMissing, reconcile.StateBehind, reconcile.StateOrphaned}
	now := time.Now()
	o := &loop.Observation{Looked: now, World: &loop.World{File: &state.File{}, Desired: &reconcile.Desired{}}}
	for i := range n {
		t := &loop.Tenant{ID: fmt.Sprintf("organisation-%05d", i)}
		t.Defined = &state.Tenant{ID: t.ID, Name: "Organisation number " + t.ID, Services: []string{"community", "learn", "challenge"}, Database: "main", Labels: map[string]string{"plan": "gold", "region": "eu-central", "ring": "stable"}}
		s := loop.Schema{TargetStatus: reconcile.TargetStatus{Tenant: t.ID, Database: "main", Schema: "tenant_" + t.ID, State: reconcile.StateInSync, AppliedAt: &now}}
		if i%10 < len(states) {
			s.State, s.Error = states[i%10], strings.Repeat("what PostgreSQL says of it; ", 8)
		}
		t.Schemas = []loop.Schema{s}
		o.Tenants = append(o.Tenants, t)
	}
	return o
}

// A page of a fleet of 10,000 is under 300 KB. How soon its first byte comes is
// printed: it should be within 200 ms.
func TestAPageOfALargeFleetIsSmall(t *testing.T) {
	t.Parallel()
	fleet := seen{observation: bigFleet(10_000)}
	server := httptest.NewServer(runbook.New(runbook.Options{
		Fleet: fleet, Access: runbook.Access{Local: true}, Redact: func(s string) string { return s }, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Pages: func(api http.Handler) http.Handler {
			return ui.New(api, ui.Options{Now: time.Now, Observation: fleet.Observation})
		},
	}))
	defer server.Close()
	for _, path := range []string{"/", "/?q=organisation&label=plan%3Dgold", "/?state=drifted&after=organisation-05000", "/?q=09999"} {
		r, err := http.NewRequest("GET", server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var first time.Duration
		r = r.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotFirstResponseByte: func() { first = time.Since(began) }}))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %v\n%s", path, resp.StatusCode, err, page)
		}
		if len(page) > 300<<10 || !strings.Contains(string(page), "organisation-0") {
			t.Errorf("%s has %d bytes", path, len(page))
		}
		t.Logf("%s: %d bytes, the first after %v", path, len(page), first)
	}
}
