package runbook

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"tenantry/internal/loop"
	"tenantry/reconcile"
)

// Tenants is a page of tenants.
type Tenants struct {
	Tenants    []Tenant                `json:"tenants"`
	Total      int                     `json:"total"`   // how many the filter takes
	Summary    map[reconcile.State]int `json:"summary"` // all tenants by state, whatever the filter
	Next       string                  `json:"next,omitempty"`
	ObservedAt *time.Time              `json:"observed_at"` // when the whole fleet was last looked at; null before the first time
}

// The bounds of a page.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

func (s *Server) listTenants(w http.ResponseWriter, r *http.Request) error {
	filter, err := filterOf(r)
	if err != nil {
		return err
	}
	limit, err := numberOf(r, "limit", 1, maxLimit, defaultLimit)
	if err != nil {
		return err
	}
	o := s.Fleet.Observation()
	if o.World == nil {
		return loop.ErrNotReady
	}
	page := Tenants{Summary: o.Summary()}
	if !o.Looked.IsZero() {
		page.ObservedAt = &o.Looked
	}
	taken := filter.Take(o.Tenants)
	page.Total = len(taken)
	if after := r.URL.Query().Get("after"); after != "" {
		i, found := slices.BinarySearchFunc(taken, after, func(t *loop.Tenant, id string) int { return strings.Compare(t.ID, id) })
		if found {
			i++
		}
		taken = taken[i:]
	}
	if len(taken) > limit {
		taken = taken[:limit]
		page.Next = taken[limit-1].ID
	}
	page.Tenants = showAll(taken)
	return answer(w, http.StatusOK, page)
}

// getTenant shows a tenant. With wait it shows it once it is known what has become
// of it, which is for whoever has just put it into a table.
func (s *Server) getTenant(w http.ResponseWriter, r *http.Request) error {
	wait, err := waitOf(r)
	if err != nil {
		return err
	}
	if wait {
		ctx, cancel := context.WithTimeout(r.Context(), s.Limits.Wait)
		defer cancel()
		s.settle(ctx, r.PathValue("id"))
	}
	t, err := s.tenant(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, show(t))
}

// tenant returns the tenant that a path names.
func (s *Server) tenant(r *http.Request) (*loop.Tenant, error) {
	o := s.Fleet.Observation()
	if o.World == nil {
		return nil, loop.ErrNotReady
	}
	id := r.PathValue("id")
	if t := o.Tenant(id); t != nil {
		return t, nil
	}
	return nil, problemf(http.StatusNotFound, codeNotFound, "there is no tenant %q", id)
}

// A Filter takes tenants. Its zero value takes all.
type Filter struct {
	State    reconcile.State
	Labels   map[string]string
	Service  string
	Database string
	Text     string // a part of the id or name, in any case
}

// states are all that a tenant may be in.
var states = []reconcile.State{
	reconcile.StateInSync, reconcile.StateBehind, reconcile.StateDrifted, reconcile.StateFailing, reconcile.StateMissing, reconcile.StateUnknown, reconcile.StateUnreachable, reconcile.StateRefused, reconcile.StateSuspended, reconcile.StateRetired, reconcile.StateOrphaned,
}

func filterOf(r *http.Request) (Filter, error) {
	q := r.URL.Query()
	f := Filter{State: reconcile.State(q.Get("state")), Labels: make(map[string]string), Service: q.Get("service"), Database: q.Get("database"), Text: q.Get("q")}
	if f.State != "" && !slices.Contains(states, f.State) {
		return f, problemf(http.StatusBadRequest, codeBadParameter, "%q is not a state", f.State)
	}
	for _, l := range q["label"] {
		key, value, ok := strings.Cut(l, "=")
		if !ok {
			return f, problemf(http.StatusBadRequest, codeBadParameter, "label %q is not of the form key=value", l)
		}
		f.Labels[key] = value
	}
	return f, nil
}

// Take returns the tenants that the filter takes, in order.
func (f Filter) Take(tenants []*loop.Tenant) []*loop.Tenant {
	text := strings.ToLower(f.Text)
	var out []*loop.Tenant
	for _, t := range tenants {
		if f.takes(t, text) {
			out = append(out, t)
		}
	}
	return out
}

func (f Filter) takes(t *loop.Tenant, text string) bool {
	if f.State != "" && t.State() != f.State {
		return false
	}
	d := t.Defined
	if d == nil {
		return f.Service == "" && f.Database == "" && len(f.Labels) == 0 && strings.Contains(strings.ToLower(t.ID), text)
	}
	for k, v := range f.Labels {
		if have, ok := d.Labels[k]; !ok || have != v {
			return false
		}
	}
	return (f.Service == "" || slices.Contains(d.Services, f.Service)) && (f.Database == "" || d.Database == f.Database) &&
		(strings.Contains(strings.ToLower(t.ID), text) || strings.Contains(strings.ToLower(d.Name), text))
}
