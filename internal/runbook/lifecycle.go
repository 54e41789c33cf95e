package runbook

import (
	"errors"
	"net/http"

	"tenantry/internal/diag"
	"tenantry/internal/loop"
	"tenantry/reconcile"
	"tenantry/state"
)

// setState writes what is to become of a tenant into the file, and has it done:
// whoever asks for one tenant's end by name means it, so the policy's bound on
// removals, which is there for files that say so by mistake, does not count.
func (s *Server) setState(to state.TenantState) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		t, err := s.tenant(r)
		if err != nil {
			return err
		}
		if err := body(r, &struct{}{}); err != nil {
			return err
		}
		if s.Writer == nil {
			return loop.ErrReadOnly
		}
		err = s.Writer.SetState(r.Context(), CallerOf(r.Context()).Name, t.ID, to)
		var wrong diag.List
		if errors.As(err, &wrong) && wrong[0].Code == state.CodeUnknownTenant {
			if t.Defined == nil {
				return problemf(http.StatusConflict, codeConflict, "nothing asks for the tenant %s any more: its schemas are left alone", t.ID)
			}
			return problemf(http.StatusConflict, codeConflict, "the tenant %s comes from the source at %s: change it there", t.ID, t.Defined.Pos)
		}
		if err != nil {
			return err
		}
		ask := loop.Ask{By: CallerOf(r.Context()).Name, Tenants: []string{t.ID}, Removal: to == state.Retired}
		return s.run(w, r, ask)
	}
}

// reconcileTenant brings one tenant to its definition now, and says how that
// went. Whoever asks for it by name means it, so what has drifted is mended where
// policy.drift is report too.
func (s *Server) reconcileTenant(w http.ResponseWriter, r *http.Request) error {
	var allowed reconcile.Allowed
	if err := body(r, &allowed); err != nil {
		return err
	}
	o := s.Fleet.Observation()
	if o.World == nil {
		return loop.ErrNotReady
	}
	id := r.PathValue("id")
	if _, err := desiredOf(o.World, id); err != nil {
		return err
	}
	return s.run(w, r, loop.Ask{By: CallerOf(r.Context()).Name, Tenants: []string{id}, Allowed: allowed, Heal: true})
}

// reconcileFleet brings all tenants to their definitions now.
func (s *Server) reconcileFleet(w http.ResponseWriter, r *http.Request) error {
	if err := body(r, &struct{}{}); err != nil {
		return err
	}
	return s.run(w, r, loop.Ask{By: CallerOf(r.Context()).Name})
}

// run has something carried out, and answers with its run: at once, or when it is
// done.
func (s *Server) run(w http.ResponseWriter, r *http.Request, a loop.Ask) error {
	wait, err := waitOf(r)
	if err != nil {
		return err
	}
	ticket, err := s.Fleet.Ask(a)
	if err != nil {
		return err
	}
	w.Header().Set("Location", s.Prefix+"/api/v1/runs/"+ticket.Run.ID)
	if !wait {
		return answer(w, http.StatusAccepted, s.ticketRun(ticket))
	}
	patience := s.after(s.Limits.Wait)
	select {
	case <-ticket.Done:
		if ticket.Err != nil {
			return ticket.Err
		}
		return answer(w, http.StatusOK, s.ticketRun(ticket))
	case <-patience:
	case <-s.stopping:
	case <-r.Context().Done():
	}
	return answer(w, http.StatusAccepted, s.ticketRun(ticket))
}
