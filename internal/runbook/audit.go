package runbook

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"tenantry/internal/loop"
)

// AuditEntry is one write that was asked for.
type AuditEntry struct {
	ID        int64     `json:"id"`
	At        time.Time `json:"at"`
	Who       string    `json:"who"`
	Role      string    `json:"role"`
	Address   string    `json:"address"`
	Operation string    `json:"operation"`
	Subject   string    `json:"subject"` // the tenant or plan that it was about, or ""
	Detail    string    `json:"detail"`  // the body
	Request   string    `json:"request"` // its id in the log
	Status    *int      `json:"status"`  // of the answer; null where there was none
}

// audited records a write, and then carries it out: what cannot be recorded is
// not done.
func (s *Server) audited(w http.ResponseWriter, r *http.Request, op operation) error {
	if s.Audit == nil {
		return loop.ErrReadOnly
	}
	detail, err := s.peek(r)
	if err != nil {
		return err
	}
	c := CallerOf(r.Context())
	id, err := s.Audit.Record(r.Context(), AuditEntry{
		Who: text(c.Name), Role: string(c.Role), Address: text(c.Address), Operation: op.id, Subject: text(r.PathValue("id")), Detail: text(detail), Request: requestID(r),
	})
	if err != nil {
		return err
	}
	s.Log.Info("write", "request", requestID(r), "who", c.Name, "address", c.Address, "operation", op.id, "subject", r.PathValue("id"))
	out := &recorder{ResponseWriter: w}
	if err := op.handle(out, r); err != nil {
		s.problem(out, r, err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 5*time.Second)
	defer cancel()
	if err := s.Audit.Close(ctx, id, out.status); err != nil {
		s.Log.Error("the audit does not say how a write was answered", "request", requestID(r), "status", out.status, "error", s.Redact(err.Error()))
	}
	return nil
}

// maxDetail is how much of a body the audit keeps, in bytes.
const maxDetail = 4 << 10

// peek returns the beginning of a request's body, which is there to be read as
// before.
func (s *Server) peek(r *http.Request) (string, error) {
	begin, err := io.ReadAll(io.LimitReader(r.Body, maxDetail))
	if err != nil {
		return "", problemf(http.StatusBadRequest, codeBadBody, "the body did not arrive whole")
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(begin), r.Body), r.Body}
	return s.Redact(string(begin)), nil
}

// text returns what PostgreSQL takes as text.
func text(s string) string {
	return string(bytes.ReplaceAll(bytes.ToValidUTF8([]byte(s), []byte("�")), []byte{0}, []byte("�")))
}

// listAudit lists the last writes, the newest first.
func (s *Server) listAudit(w http.ResponseWriter, r *http.Request) error {
	limit, err := numberOf(r, "limit", 1, maxLimit, defaultLimit)
	if err != nil {
		return err
	}
	before, err := numberOf(r, "before", 1, 1<<62, 0)
	if err != nil {
		return err
	}
	if s.Audit == nil {
		return answer(w, http.StatusOK, map[string]any{"entries": []AuditEntry{}})
	}
	ctx, done, err := s.looks(r)
	if err != nil {
		return err
	}
	defer done()
	entries, err := s.Audit.Entries(ctx, limit, int64(before))
	if err != nil {
		return err
	}
	if entries == nil {
		entries = []AuditEntry{}
	}
	return answer(w, http.StatusOK, map[string]any{"entries": entries})
}
