package ui

import (
	"net/http"

	"tenantry/internal/loop"
	"tenantry/internal/runbook"
)

// runData is what the page of a run shows.
type runData struct {
	runbook.Run
	Progress *loop.Progress // where it goes on
}

// Over reports whether nothing more will come of it.
func (d runData) Over() bool { return d.State != "waiting" && d.State != "running" }

func (p *Pages) runs(w http.ResponseWriter, r *http.Request, v *view) error {
	var d struct{ Runs []runbook.Run }
	if err := v.get(&d, "/runs?limit=50"); err != nil {
		return err
	}
	v.Title, v.Here, v.Data = "Runs", "runs", d
	return v.show(w, http.StatusOK, "runs")
}

func (p *Pages) run(w http.ResponseWriter, r *http.Request, v *view) error {
	var d runData
	if err := v.get(&d.Run, "/runs/%s", r.PathValue("id")); err != nil {
		return err
	}
	if now := v.Status.Running; now != nil && now.RunID == d.ID {
		d.Progress = now
	}
	v.Title, v.Here, v.Data = "Run "+d.ID, "runs", d
	return v.show(w, http.StatusOK, "run")
}

func (p *Pages) audit(w http.ResponseWriter, r *http.Request, v *view) error {
	var d struct{ Entries []runbook.AuditEntry }
	if err := v.get(&d, "/audit?limit=100"); err != nil {
		return err
	}
	v.Title, v.Here, v.Data = "Audit", "audit", d
	return v.show(w, http.StatusOK, "audit")
}

func (p *Pages) loopPage(w http.ResponseWriter, r *http.Request, v *view) error {
	v.Title, v.Here = "The loop", "loop"
	return v.show(w, http.StatusOK, "loop")
}

// steer pauses the loop, lets it go on, or has it look at all now.
func (p *Pages) steer(w http.ResponseWriter, r *http.Request, v *view) error {
	switch r.PathValue("action") {
	case "suspend":
		if err := v.post(nil, runbook.PauseWish{Reason: r.PostFormValue("reason"), For: r.PostFormValue("for")}, "/loop/suspend"); err != nil {
			return err
		}
	case "resume":
		if err := v.post(nil, nil, "/loop/resume"); err != nil {
			return err
		}
	case "reconcile":
		var run runbook.Run
		if err := v.post(&run, nil, "/loop/reconcile"); err != nil {
			return err
		}
		return p.redirect(w, r, "/runs/"+run.ID)
	default:
		return p.nowhere(w, r, v)
	}
	return p.redirect(w, r, "/loop")
}
