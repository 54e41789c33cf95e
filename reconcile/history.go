package reconcile

import "time"

// A PastRun is a run as it is recorded.
type PastRun struct {
	Database string     `json:"database"`
	ID       string     `json:"id"`
	Started  time.Time  `json:"started_at"`
	Ended    *time.Time `json:"ended_at"` // nil while it runs, and where it was killed
	Revision string     `json:"revision"` // git commit, or ""
	PlanID   string     `json:"plan_id"`
	By       string     `json:"by"`
	Outcome  string     `json:"outcome"` // done, failed, or "" while it runs and where it was killed
	Changes  int        `json:"changes"` // how many targets it changed
}

// A PastChange is what one run did to one target.
type PastChange struct {
	Database   string    `json:"database"`
	RunID      string    `json:"run_id"`
	Revision   string    `json:"revision"`
	By         string    `json:"by"`
	Tenant     string    `json:"tenant"`
	Schema     string    `json:"schema"`
	Applied    time.Time `json:"applied_at"`
	Base       string    `json:"base"`   // the fingerprint before; "" where there was no schema
	Result     string    `json:"result"` // the fingerprint after
	Statements []string  `json:"statements"`
	Reverse    []string  `json:"reverse"` // what undoes them, in the order to run it in
}
