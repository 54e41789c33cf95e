package runbook

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"time"

	"tenantry/internal/diag"
	"tenantry/internal/loop"
	"tenantry/reconcile"
	"tenantry/state"
)

// Wish is what a tenant is to be like. What it leaves empty is left to the
// defaults of the file.
type Wish struct {
	Name     string            `json:"name"`
	Services []string          `json:"services"`
	Database string            `json:"database"`
	Schema   string            `json:"schema"`
	Labels   map[string]string `json:"labels"`
	Vars     map[string]string `json:"vars"`
}

// tenant returns the entry that the wish comes to.
func (w Wish) tenant(id string) state.Tenant {
	return state.Tenant{ID: id, Name: w.Name, Services: w.Services, Database: w.Database, Schema: w.Schema, Labels: w.Labels, Vars: w.Vars}
}

// granted reports whether a tenant is as wished already.
func (w Wish) granted(t *state.Tenant) bool {
	return (w.Name == "" || w.Name == t.Name) && (w.Services == nil || slices.Equal(w.Services, t.Services)) && (w.Database == "" || w.Database == t.Database) &&
		(w.Schema == "" || w.Schema == t.Schema) && (w.Labels == nil || maps.Equal(w.Labels, t.Labels)) && (w.Vars == nil || maps.Equal(w.Vars, t.Vars))
}

// ids are what a tenant may be called; state says so with more words.
var ids = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

// putTenant provisions a tenant.
func (s *Server) putTenant(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	wait, err := waitOf(r)
	if err != nil {
		return err
	}
	var wish Wish
	if err := body(r, &wish); err != nil {
		return err
	}
	if !ids.MatchString(id) {
		return problemf(http.StatusUnprocessableEntity, codeInvalidTenant, `%q is not a tenant's id: at most 63 letters, digits, "_" and "-", a letter or digit first`, id)
	}
	if s.Writer == nil {
		return loop.ErrReadOnly
	}
	o := s.Fleet.Observation()
	if o.World == nil {
		return loop.ErrNotReady
	}
	if t := o.Tenant(id); t != nil && t.Defined != nil {
		return s.found(w, r, wish, t.Defined, wait)
	}
	select {
	case s.pending <- struct{}{}:
	default:
		return s.full()
	}
	if err := definable(o.World, wish.tenant(id)); err != nil {
		<-s.pending
		return err
	}
	began := s.Now()
	if err := s.Writer.Add(r.Context(), CallerOf(r.Context()).Name, wish.tenant(id)); err != nil {
		<-s.pending
		return s.notAdded(w, r, id, wish, wait, err)
	}
	s.Fleet.Poke("tenant " + id)
	settled := make(chan struct{})
	go func() { // the slot is taken until it is known what has become of the tenant, whether somebody waits or not
		defer close(settled)
		defer func() { <-s.pending }()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), s.Limits.Wait)
		defer cancel()
		if t := s.settle(ctx, id); t != nil && t.State() == reconcile.StateInSync {
			s.speed.note(s.Now().Sub(began))
		}
	}()
	if wait {
		select {
		case <-settled:
		case <-r.Context().Done():
		}
	}
	return s.provisioned(w, id, http.StatusCreated)
}

// bounded refuses a new tenant where so many are on their way that no more is
// taken on.
func (s *Server) bounded(id string) error {
	t := s.Fleet.Observation().Tenant(id)
	if len(s.pending) < cap(s.pending) || t != nil && t.Defined != nil {
		return nil
	}
	return s.full()
}

// full tells whoever comes when it is worth to come again.
func (s *Server) full() error {
	p := problemf(http.StatusTooManyRequests, codeBusy, "%d tenants are being provisioned, and that is the bound; come back", cap(s.pending))
	p.retryAfter = seconds(s.speed.of(cap(s.pending) / 2))
	return p
}

// definable makes sure that a tenant could be defined, before the file has it:
// one service that does not exist would keep the whole file from being used.
func definable(w *loop.World, t state.Tenant) error {
	d := w.File.Defaults
	if t.Services == nil {
		t.Services = d.Services
	}
	t.Database, t.Schema, t.Pos.File = cmp.Or(t.Database, d.Database), cmp.Or(t.Schema, d.Schema), w.File.Path
	alone := *w.File
	alone.Tenants = []state.Tenant{t}
	_, err := w.Resolve(&alone)
	return err
}

// notAdded answers where the writer did not take a tenant: another may have been
// faster.
func (s *Server) notAdded(w http.ResponseWriter, r *http.Request, id string, wish Wish, wait bool, err error) error {
	var wrong diag.List
	if !errors.As(err, &wrong) || wrong[0].Code != state.CodeDuplicateID {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.Limits.Wait)
	defer cancel()
	s.Fleet.Poke("tenant " + id)
	t := s.await(ctx, id, func(t *loop.Tenant) bool { return t.Defined != nil })
	if t == nil {
		return loop.ErrNotReady
	}
	return s.found(w, r, wish, t.Defined, wait)
}

// found answers where the tenant is there already.
func (s *Server) found(w http.ResponseWriter, r *http.Request, wish Wish, t *state.Tenant, wait bool) error {
	if !wish.granted(t) {
		return problemf(http.StatusConflict, codeConflict, "there is a tenant %s already, which is not like that; what it is like is changed at %s", t.ID, t.Pos)
	}
	if wait {
		ctx, cancel := context.WithTimeout(r.Context(), s.Limits.Wait)
		defer cancel()
		s.settle(ctx, t.ID)
	}
	return s.provisioned(w, t.ID, http.StatusOK)
}

// provisioned answers with a tenant: with a status of its own where it is ready,
// else that it was accepted.
func (s *Server) provisioned(w http.ResponseWriter, id string, ready int) error {
	shown := Tenant{ID: id, State: reconcile.StateMissing, Lifecycle: state.Active, Services: []string{}, Labels: map[string]string{}, Vars: map[string]string{}, Schemas: []Schema{}}
	if t := s.Fleet.Observation().Tenant(id); t != nil {
		shown = show(t)
	}
	w.Header().Set("Location", s.Prefix+"/api/v1/tenants/"+id)
	if shown.Ready {
		return answer(w, ready, shown)
	}
	w.Header().Set("Retry-After", "1")
	return answer(w, http.StatusAccepted, shown)
}

// settle waits until it is known what has become of a tenant: it is ready, an
// attempt on it failed, or it may not change. It returns nil where that is not
// known in time.
func (s *Server) settle(ctx context.Context, id string) *loop.Tenant {
	return s.await(ctx, id, func(t *loop.Tenant) bool {
		if t.Defined == nil {
			return false
		}
		state := t.State()
		return state == reconcile.StateInSync || state == reconcile.StateFailing || slices.ContainsFunc(t.Schemas, func(s loop.Schema) bool { return s.Blocked != "" })
	})
}

// await waits until a tenant is as wanted.
func (s *Server) await(ctx context.Context, id string, wanted func(*loop.Tenant) bool) *loop.Tenant {
	for {
		changed := s.Fleet.Changed()
		if t := s.Fleet.Observation().Tenant(id); t != nil && wanted(t) {
			return t
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		case <-s.stopping:
			return nil
		}
	}
}

// previewTenant says what provisioning a tenant would do.
func (s *Server) previewTenant(w http.ResponseWriter, r *http.Request) error {
	var wish Wish
	if err := body(r, &wish); err != nil {
		return err
	}
	if s.Writer == nil {
		return loop.ErrReadOnly
	}
	o := s.Fleet.Observation()
	if o.World == nil {
		return loop.ErrNotReady
	}
	id := r.PathValue("id")
	file, err := s.Writer.With(wish.tenant(id))
	if err != nil {
		var wrong diag.List
		if errors.As(err, &wrong) && wrong[0].Code == state.CodeDuplicateID {
			return problemf(http.StatusConflict, codeConflict, "%s", wrong[0].Message)
		}
		return err
	}
	desired, err := o.World.Resolve(file)
	if err != nil {
		return err
	}
	return s.plan(w, r, o.World, desired.Only([]string{id}), reconcile.Allowed{}, http.StatusOK)
}

// speedometer knows how long a tenant takes to be ready.
type speedometer struct{ last atomicDuration }

func (s *speedometer) note(d time.Duration) {
	before := s.last.load()
	if before == 0 {
		before = d
	}
	s.last.store((3*before + d) / 4)
}

// of returns how long so many take, as far as anyone can tell.
func (s *speedometer) of(n int) time.Duration {
	return min(time.Duration(n)*s.last.load()/8, time.Minute)
}
