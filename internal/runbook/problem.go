package runbook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"tenantry/internal/diag"
	"tenantry/internal/loop"
	"tenantry/reconcile"
)

// A Problem is an error as RFC 9457 has it, with a code that is never renamed.
type Problem struct {
	Type        string                 `json:"type"`
	Title       string                 `json:"title"`
	Code        string                 `json:"code"`
	Status      int                    `json:"status"`
	Detail      string                 `json:"detail"`
	Instance    string                 `json:"instance,omitempty"` // the path that was asked for
	Diagnostics []reconcile.Diagnostic `json:"diagnostics,omitempty"`
	Moved       []string               `json:"moved,omitempty"` // of a plan that is stale

	retryAfter int // seconds, where it helps to come back
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// The codes of problems.
const (
	codeNotFound      = "not-found"
	codeNotAllowed    = "method-not-allowed"
	codeUnauthorized  = "unauthorized"
	codeForbidden     = "forbidden"
	codeCrossOrigin   = "cross-origin"
	codeWrongHost     = "wrong-host"
	codeTooFast       = "too-many-requests"
	codeTooLarge      = "body-too-large"
	codeBadParameter  = "bad-parameter"
	codeBadBody       = "bad-body"
	codeInvalidTenant = "invalid-tenant"
	codeConflict      = "conflict"
	codeStalePlan     = "stale-plan"
	codeRefused       = "refused"
	codeNotReady      = "not-ready"
	codeBusy          = "busy"
	codeReadOnly      = "read-only"
	codeDatabase      = "database"
	codeInternal      = "internal"
)

func problemf(status int, code, format string, args ...any) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Code: code, Status: status, Detail: fmt.Sprintf(format, args...)}
}

// problemOf says of any error what it means to whoever asked.
func problemOf(err error) *Problem {
	var p *Problem
	var wrong diag.List
	var moved *loop.MovedError
	var refused *loop.RefusedError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &wrong):
		p = problemf(http.StatusUnprocessableEntity, codeInvalidTenant, "%s", wrong[0].Message)
		p.Diagnostics = reconcile.Diagnostics(wrong)
	case errors.As(err, &moved):
		p = problemf(http.StatusConflict, codeStalePlan, "the plan is stale, and nothing of it was applied")
		p.Moved = moved.Moved
	case errors.As(err, &refused):
		p = problemf(http.StatusConflict, codeRefused, "the policy refuses it: %s", refused.Why)
	case errors.Is(err, loop.ErrReadOnly):
		p = problemf(http.StatusForbidden, codeReadOnly, "%s", err)
	case errors.Is(err, loop.ErrBusy):
		p = problemf(http.StatusTooManyRequests, codeBusy, "%s", err)
		p.retryAfter = 1
	case errors.Is(err, loop.ErrNotReady), errors.Is(err, loop.ErrStopped):
		p = problemf(http.StatusServiceUnavailable, codeNotReady, "%s", err)
		p.retryAfter = 1
	default:
		p = problemf(http.StatusServiceUnavailable, codeDatabase, "%s", err)
		p.retryAfter = 1
	}
	return p
}

// problem answers with what an error means.
func (s *Server) problem(w http.ResponseWriter, r *http.Request, err error) {
	p := *problemOf(err)
	p.Detail, p.Instance = s.Redact(p.Detail), r.URL.Path
	w.Header().Set("Content-Type", "application/problem+json")
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(p.retryAfter))
	}
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // whoever went away hears nothing of it
}

// answer answers with a value.
func answer(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.Encode(v) // whoever went away hears nothing of it
	return nil
}
