package runbook

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"tenantry/internal/loop"
	"tenantry/reconcile"
)

// Run is a run as the API shows it: one row for each database that it changed
// something in.
type Run struct {
	ID        string      `json:"id"`
	State     string      `json:"state"` // waiting, running, done, failed, or lost: it never said how it ended
	By        string      `json:"by"`
	Started   time.Time   `json:"started_at"`
	Ended     *time.Time  `json:"ended_at,omitempty"`
	Revision  string      `json:"revision"` // git commit, or ""
	PlanID    string      `json:"plan_id"`
	Databases []string    `json:"databases"`
	Changes   int         `json:"changes"` // targets that it changed
	Error     string      `json:"error,omitempty"`
	Targets   []RunTarget `json:"targets,omitempty"` // where it is remembered or recorded what became of them
}

// RunTarget is what a run did to one schema.
type RunTarget struct {
	Tenant     string   `json:"tenant"`
	Database   string   `json:"database"`
	Schema     string   `json:"schema"`
	Outcome    string   `json:"outcome"`
	Error      string   `json:"error,omitempty"`
	DurationMS int64    `json:"duration_ms,omitempty"`
	Statements []string `json:"statements,omitempty"`
	Reverse    []string `json:"reverse,omitempty"`
}

// listRuns lists the last runs, the newest first.
func (s *Server) listRuns(w http.ResponseWriter, r *http.Request) error {
	limit, err := numberOf(r, "limit", 1, maxLimit, 20)
	if err != nil {
		return err
	}
	runs, err := s.Runs(r, limit)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{"runs": runs})
}

// Runs returns the last runs, the newest first.
func (s *Server) Runs(r *http.Request, limit int) ([]Run, error) {
	world := s.Fleet.Observation().World
	if world == nil {
		return nil, loop.ErrNotReady
	}
	ctx, done, err := s.looks(r)
	if err != nil {
		return nil, err
	}
	defer done()
	return s.pastRuns(ctx, world, limit)
}

func (s *Server) pastRuns(ctx context.Context, world *loop.World, limit int) ([]Run, error) {
	byID := make(map[string]*Run)
	var lost error
	for _, db := range databasesOf(world) {
		past, err := db.Runs(ctx, limit)
		lost = errors.Join(lost, err)
		for _, p := range past {
			if byID[p.ID] == nil {
				byID[p.ID] = &Run{ID: p.ID, By: p.By, Started: p.Started, Revision: p.Revision, PlanID: p.PlanID, State: "done"}
			}
			byID[p.ID].add(p, s.runningRun())
		}
	}
	if len(byID) == 0 && lost != nil { // what other databases have to say is worth telling
		return nil, lost
	}
	runs := make([]Run, 0, len(byID))
	for _, run := range byID {
		runs = append(runs, *run)
	}
	slices.SortFunc(runs, func(a, b Run) int {
		if c := b.Started.Compare(a.Started); c != 0 {
			return c
		}
		return compare(b.ID, a.ID)
	})
	return runs[:min(limit, len(runs))], nil
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// runningRun is the id of the run that goes on here, or "".
func (s *Server) runningRun() string {
	if p := s.Fleet.Observation().Running; p != nil {
		return p.RunID
	}
	return ""
}

// add adds what one database has on record of the run.
func (r *Run) add(p reconcile.PastRun, running string) {
	r.Databases = append(r.Databases, p.Database)
	r.Changes += p.Changes
	if p.Ended != nil && (r.Ended == nil || p.Ended.After(*r.Ended)) {
		r.Ended = p.Ended
	}
	switch {
	case p.Outcome == "" && p.ID == running:
		r.State = "running"
	case p.Outcome == "" && r.State != "running":
		r.State = "lost"
	case p.Outcome == "failed" && r.State == "done":
		r.State = "failed"
	}
}

// getRun shows one run with what it did.
func (s *Server) getRun(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if t := s.Fleet.Ticket(id); t != nil {
		return answer(w, http.StatusOK, s.ticketRun(t))
	}
	world := s.Fleet.Observation().World
	if world == nil {
		return loop.ErrNotReady
	}
	ctx, done, err := s.looks(r)
	if err != nil {
		return err
	}
	defer done()
	runs, err := s.pastRuns(ctx, world, maxLimit)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(runs, func(r Run) bool { return r.ID == id })
	if i < 0 {
		return problemf(http.StatusNotFound, codeNotFound, "there is no run %q among the last %d", id, maxLimit)
	}
	run := runs[i]
	for _, db := range databasesOf(world) {
		changes, err := db.Changes(ctx, "", maxLimit)
		if err != nil && slices.Contains(run.Databases, db.Name()) {
			return err
		}
		for _, c := range changes {
			if c.RunID == id {
				run.Targets = append(run.Targets, RunTarget{
					Tenant: c.Tenant, Database: c.Database, Schema: c.Schema, Outcome: string(reconcile.ResultApplied), Statements: c.Statements, Reverse: c.Reverse,
				})
			}
		}
	}
	return answer(w, http.StatusOK, run)
}

// ticketRun is a run that was asked for here.
func (s *Server) ticketRun(t *loop.Ticket) Run {
	run := Run{ID: t.Run.ID, By: t.Run.By, Started: t.Run.Started, Revision: t.Run.Revision, State: "waiting", Databases: []string{}}
	select {
	case <-t.Done:
	default:
		if s.runningRun() == t.Run.ID {
			run.State = "running"
		}
		return run
	}
	run.State = "done"
	if t.Err != nil {
		run.State, run.Error = "failed", s.Redact(t.Err.Error())
	}
	if t.Report == nil {
		return run
	}
	ended := t.Report.Started.Add(t.Report.Duration)
	run.Ended, run.PlanID = &ended, t.Report.Plan.ID
	if t.Report.Failed() || t.Report.Count(reconcile.ResultSkipped) > 0 {
		run.State = "failed"
	}
	for i := range t.Report.Plan.Targets {
		p := &t.Report.Plan.Targets[i]
		o := t.Report.Outcomes[i]
		if !slices.Contains(run.Databases, p.Database) {
			run.Databases = append(run.Databases, p.Database)
		}
		if o.Result == reconcile.ResultApplied {
			run.Changes++
		}
		run.Targets = append(run.Targets, RunTarget{
			Tenant: p.Tenant, Database: p.Database, Schema: p.Schema, Outcome: string(o.Result), Error: s.Redact(o.Error), DurationMS: o.Duration.Milliseconds(),
		})
	}
	return run
}
