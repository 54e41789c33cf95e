package runbook

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"tenantry/internal/loop"
	"tenantry/reconcile"
	"tenantry/state"
)

// Fleet is the loop, as the API needs it.
type Fleet interface {
	Observation() *loop.Observation
	Changed() <-chan struct{}
	Poke(why string)
	Ask(loop.Ask) (*loop.Ticket, error)
	Ticket(runID string) *loop.Ticket
	Pause(context.Context, *loop.Pause) error
	Subscribe(after uint64) (past []loop.Event, events <-chan loop.Event, cancel func())
}

// Writer edits tenants.yaml for author. An error that is a diag.List says what
// is wrong with what was asked for; nothing was written then.
type Writer interface {
	Add(ctx context.Context, author string, t state.Tenant) error
	SetState(ctx context.Context, author, id string, s state.TenantState) error
	// With returns the file as it would be with one more tenant.
	With(t state.Tenant) (*state.File, error)
}

// Audit is the record of writes.
type Audit interface {
	// Record records what is about to be done, and returns what to close it by.
	Record(ctx context.Context, e AuditEntry) (id int64, err error)
	// Close records how it was answered.
	Close(ctx context.Context, id int64, status int) error
	// Entries returns the last, the newest first, of those before an id; 0 for all.
	Entries(ctx context.Context, limit int, before int64) ([]AuditEntry, error)
}

// Options is what a server works with.
type Options struct {
	Fleet    Fleet
	Writer   Writer
	Audit    Audit
	Access   Access
	Redact   func(string) string // takes passwords out of what is shown
	Log      *slog.Logger
	Version  string
	ReadOnly bool   // refuse every write
	Prefix   string // of all paths, "" or "/tenantry": what a proxy hands on
	// Pages makes the pages for people, for whatever is not the API's, of the API,
	// which it may ask on behalf of who looks at them; nil for none.
	Pages   func(api http.Handler) http.Handler
	Limits  Limits
	Metrics *Metrics // nil for none
	Now     func() time.Time
}

// Limits bound what a server takes on. Zero values stand for those of
// DefaultLimits.
type Limits struct {
	Pending int           // tenants that were accepted and are not ready yet
	Looks   int           // requests that ask a database, at once
	Body    int64         // bytes of a request's body
	Wait    time.Duration // how long a request waits for a tenant to be ready
	Rate    float64       // requests a second of one caller or address
	Burst   int           // requests of one caller or address at once
}

// DefaultLimits suit a portal and a few people.
var DefaultLimits = Limits{Pending: 64, Looks: 4, Body: 64 << 10, Wait: 30 * time.Second, Rate: 100, Burst: 200}

func (l Limits) orDefault() Limits {
	d := DefaultLimits
	if l.Pending > 0 {
		d.Pending = l.Pending
	}
	if l.Looks > 0 {
		d.Looks = l.Looks
	}
	if l.Body > 0 {
		d.Body = l.Body
	}
	if l.Wait > 0 {
		d.Wait = l.Wait
	}
	if l.Rate > 0 {
		d.Rate = l.Rate
	}
	if l.Burst > 0 {
		d.Burst = l.Burst
	}
	return d
}

// A Server answers requests.
type Server struct {
	Options
	handler http.Handler
	limiter *limiter
	pending chan struct{} // a slot for each tenant that is to become ready
	looking chan struct{} // a slot for each request that asks a database
	plans   planShelf
	speed   speedometer

	stop, stopStreams   sync.Once
	stopping, streaming chan struct{} // closed when that stops
}

// New returns a server.
func New(o Options) *Server {
	o.Limits = o.Limits.orDefault()
	s := &Server{
		Options: o, limiter: newLimiter(o.Limits.Rate, o.Limits.Burst, o.Now), pending: make(chan struct{}, o.Limits.Pending),
		looking: make(chan struct{}, o.Limits.Looks), stopping: make(chan struct{}), streaming: make(chan struct{}),
	}
	s.handler = s.guard(s.routes())
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// StopStreams ends streams of events, which would not end by themselves.
func (s *Server) StopStreams() { s.stopStreams.Do(func() { close(s.streaming) }) }

// Stop ends waiting for tenants and runs, which is answered with how far they
// are.
func (s *Server) Stop() { s.stop.Do(func() { close(s.stopping) }) }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	methods := make(map[string][]string)
	for _, op := range s.operations() {
		mux.Handle(op.method+" "+op.path, s.serve(op))
		methods[op.path] = append(methods[op.path], op.method)
	}
	for path, allowed := range methods {
		mux.HandleFunc(path, s.notAllowed(allowed))
	}
	mux.HandleFunc("GET /livez", s.livez)
	mux.HandleFunc("GET /readyz", s.readyz)
	if s.Metrics != nil {
		mux.HandleFunc("GET /metrics", s.metrics)
	}
	mux.HandleFunc("GET /login", s.loginPage)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		s.problem(w, r, problemf(http.StatusNotFound, codeNotFound, "the API has no such path; see /api/v1/openapi.json"))
	})
	if s.Pages != nil {
		mux.Handle("/", s.Pages(mux))
	}
	return mux
}

// An operation is one of the API's, as openapi.yaml has it.
type operation struct {
	id     string // the operationId
	method string
	path   string
	role   Role // who may
	handle func(http.ResponseWriter, *http.Request) error
}

// writes reports whether the operation changes anything.
func (op operation) writes() bool { return op.role == Operator }

// operations are all of the API's, in the order of openapi.yaml.
func (s *Server) operations() []operation {
	return []operation{
		{"listTenants", "GET", "/api/v1/tenants", Viewer, s.listTenants},
		{"getTenant", "GET", "/api/v1/tenants/{id}", Viewer, s.getTenant},
		{"putTenant", "PUT", "/api/v1/tenants/{id}", Operator, s.putTenant},
		{"previewTenant", "POST", "/api/v1/tenants/{id}/preview", Viewer, s.previewTenant},
		{"getTenantDiff", "GET", "/api/v1/tenants/{id}/diff", Viewer, s.tenantDiff},
		{"getTenantHistory", "GET", "/api/v1/tenants/{id}/history", Viewer, s.tenantHistory},
		{"getTenantSQL", "GET", "/api/v1/tenants/{id}/sql", Viewer, s.tenantSQL},
		{"getTenantStructure", "GET", "/api/v1/tenants/{id}/structure", Viewer, s.tenantStructure},
		{"suspendTenant", "POST", "/api/v1/tenants/{id}/suspend", Operator, s.setState(state.Suspended)},
		{"resumeTenant", "POST", "/api/v1/tenants/{id}/resume", Operator, s.setState(state.Active)},
		{"retireTenant", "POST", "/api/v1/tenants/{id}/retire", Operator, s.setState(state.Retired)},
		{"reconcileTenant", "POST", "/api/v1/tenants/{id}/reconcile", Operator, s.reconcileTenant},
		{"createPlan", "POST", "/api/v1/plans", Viewer, s.createPlan},
		{"getPlan", "GET", "/api/v1/plans/{id}", Viewer, s.getPlan},
		{"applyPlan", "POST", "/api/v1/plans/{id}/apply", Operator, s.applyPlan},
		{"listRuns", "GET", "/api/v1/runs", Viewer, s.listRuns},
		{"getRun", "GET", "/api/v1/runs/{id}", Viewer, s.getRun},
		{"streamEvents", "GET", "/api/v1/events", Viewer, s.streamEvents},
		{"getStatus", "GET", "/api/v1/status", Viewer, s.getStatus},
		{"suspendLoop", "POST", "/api/v1/loop/suspend", Operator, s.suspendLoop},
		{"resumeLoop", "POST", "/api/v1/loop/resume", Operator, s.resumeLoop},
		{"reconcileFleet", "POST", "/api/v1/loop/reconcile", Operator, s.reconcileFleet},
		{"listAudit", "GET", "/api/v1/audit", Viewer, s.listAudit},
		{"getCaller", "GET", "/api/v1/me", Viewer, s.getCaller},
		{"getOpenAPI", "GET", "/api/v1/openapi.json", Viewer, s.openAPI},
	}
}

// Operations returns the id, method and path of each operation.
func Operations() []string {
	var out []string
	for _, op := range (&Server{}).operations() {
		out = append(out, op.id+" "+op.method+" "+op.path)
	}
	return out
}

// desiredOf returns what is desired of one tenant.
func desiredOf(w *loop.World, id string) (*reconcile.Desired, error) {
	d := w.Desired.Only([]string{id})
	for _, t := range d.Targets {
		if !t.Shared && t.Tenant == id {
			return d, nil
		}
	}
	return nil, problemf(http.StatusNotFound, codeNotFound, "nothing asks for the tenant %q", id)
}
