package runbook

import (
	"context"
	"log/slog"
	"net/http"
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

// Writer edits tenants.yaml. An error that is a diag.List says what is wrong
// with what was asked for; nothing was written then.
type Writer interface {
	// Add adds a tenant. By is who asked for it.
	Add(ctx context.Context, by string, t state.Tenant) error
	// SetState sets what is to become of one.
	SetState(ctx context.Context, by, id string, s state.TenantState) error
	// Preview returns what would be desired with one more tenant.
	Preview(ctx context.Context, w *loop.World, t state.Tenant) (*reconcile.Desired, error)
}

// Options is what a server works with.
type Options struct {
	Fleet    Fleet
	Writer   Writer              // nil where nothing may be written
	Redact   func(string) string // takes passwords out of what is shown
	Log      *slog.Logger
	Version  string
	ReadOnly bool
	Prefix   string // of all paths, "" or "/tenantry": what a proxy hands on
	Now      func() time.Time
}

// A Server answers requests.
type Server struct {
	Options
	mux *http.ServeMux
}

// New returns a server.
func New(o Options) *Server {
	s := &Server{Options: o, mux: http.NewServeMux()}
	for _, op := range s.operations() {
		s.mux.Handle(op.method+" "+op.path, s.handler(op))
	}
	s.mux.HandleFunc("GET /livez", s.livez)
	s.mux.HandleFunc("GET /readyz", s.readyz)
	return s
}

// Handler returns all of it.
func (s *Server) Handler() http.Handler {
	var h http.Handler = s.mux
	if s.Prefix != "" {
		h = http.StripPrefix(s.Prefix, h)
	}
	return h
}

// An operation is one of the API's, as openapi.yaml has it.
type operation struct {
	id     string // the operationId
	method string
	path   string
	handle func(http.ResponseWriter, *http.Request) error
}

// operations are all of the API's, in the order of openapi.yaml.
func (s *Server) operations() []operation {
	return []operation{
		{"listTenants", "GET", "/api/v1/tenants", s.listTenants},
		{"getTenant", "GET", "/api/v1/tenants/{id}", s.getTenant},
		{"getOpenAPI", "GET", "/api/v1/openapi.json", s.openAPI},
	}
}

// handler answers with what the operation returns, or with a problem.
func (s *Server) handler(op operation) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := op.handle(w, r); err != nil {
			s.problem(w, r, err)
		}
	})
}
