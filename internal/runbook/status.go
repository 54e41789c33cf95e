package runbook

import (
	"net/http"
	"strings"
	"time"

	"tenantry/internal/loop"
	"tenantry/reconcile"
)

// Status is how the server and its loop are.
type Status struct {
	Version     string                  `json:"version"`
	ReadOnly    bool                    `json:"read_only"`
	Ready       bool                    `json:"ready"`       // the fleet has been looked at
	ObservedAt  *time.Time              `json:"observed_at"` // when the whole of it was last looked at
	Revision    string                  `json:"revision"`    // the git commit of the files, or ""
	Summary     map[reconcile.State]int `json:"summary"`     // tenants by state
	Shared      []Tenant                `json:"shared"`      // the shared services
	Trouble     string                  `json:"trouble"`     // what keeps the loop from its work, or ""
	Refused     string                  `json:"refused"`     // why the policy refuses what the files ask for, or ""
	Diagnostics []reconcile.Diagnostic  `json:"diagnostics"` // what is wrong with the files, and with rows of sources
	Running     *loop.Progress          `json:"running"`
	Leading     bool                    `json:"leading"` // this replica brings about changes
	Leader      string                  `json:"leader"`
	Pause       *loop.Pause             `json:"pause"`
}

func (s *Server) getStatus(w http.ResponseWriter, _ *http.Request) error {
	o := s.Fleet.Observation()
	out := Status{
		Version: s.Version, ReadOnly: s.ReadOnly, Ready: !o.Looked.IsZero(), Summary: o.Summary(), Shared: showAll(o.Shared), Trouble: o.Trouble, Refused: o.Refused,
		Diagnostics: append([]reconcile.Diagnostic{}, o.Wrong...), Running: o.Running, Leading: o.Leading, Leader: o.Leader, Pause: o.Pause,
	}
	if !o.Looked.IsZero() {
		out.ObservedAt = &o.Looked
	}
	if o.World != nil {
		out.Revision = o.World.Desired.Revision
		out.Diagnostics = append(out.Diagnostics, o.World.Problems...)
	}
	return answer(w, http.StatusOK, out)
}

// PauseWish is how the loop is to be paused.
type PauseWish struct {
	Reason string `json:"reason"`
	For    string `json:"for"` // a duration, such as 30m
}

// maxPause is how long the loop may be paused at most: a pause has an end.
const maxPause = 7 * 24 * time.Hour

func (s *Server) suspendLoop(w http.ResponseWriter, r *http.Request) error {
	var wish PauseWish
	if err := body(r, &wish); err != nil {
		return err
	}
	d, err := time.ParseDuration(wish.For)
	switch {
	case strings.TrimSpace(wish.Reason) == "" || len(wish.Reason) > 500 || strings.ContainsRune(wish.Reason, 0):
		return problemf(http.StatusUnprocessableEntity, codeBadBody, "a pause has a reason, of at most 500 bytes")
	case err != nil || d < time.Second || d > maxPause:
		return problemf(http.StatusUnprocessableEntity, codeBadBody, "a pause has an end: for is 1s to 168h, such as 30m")
	}
	now := s.Now()
	p := &loop.Pause{Reason: wish.Reason, By: CallerOf(r.Context()).Name, Since: now, Until: now.Add(d)}
	if err := s.Fleet.Pause(r.Context(), p); err != nil {
		return err
	}
	return s.getStatus(w, r)
}

func (s *Server) resumeLoop(w http.ResponseWriter, r *http.Request) error {
	if err := body(r, &struct{}{}); err != nil {
		return err
	}
	if err := s.Fleet.Pause(r.Context(), nil); err != nil {
		return err
	}
	return s.getStatus(w, r)
}

// getCaller says who the caller is, as far as this server knows.
func (s *Server) getCaller(w http.ResponseWriter, r *http.Request) error {
	return answer(w, http.StatusOK, CallerOf(r.Context()))
}
