package runbook

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// guard lets through what may be answered: each step may only refuse.
func (s *Server) guard(h http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.problem(w, r, problemf(http.StatusForbidden, codeCrossOrigin, "a page of another site sent this"))
	}))
	h = s.limited(h)
	h = origin.Handler(h)
	h = s.expected(h)
	if s.Prefix != "" {
		h = s.stripped(h)
	}
	return s.logged(h)
}

// stripped takes the prefix off. What is not below it is not here.
func (s *Server) stripped(h http.Handler) http.Handler {
	below := http.StripPrefix(s.Prefix, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, s.Prefix+"/"):
			below.ServeHTTP(w, r)
		case r.URL.Path == "/livez" || r.URL.Path == "/readyz":
			h.ServeHTTP(w, r) // probes do not come through the proxy
		default:
			s.problem(w, r, problemf(http.StatusNotFound, codeNotFound, "all paths begin with %s", s.Prefix))
		}
	})
}

// expected refuses requests for hosts that this is not.
func (s *Server) expected(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.Access.expects(r.Host) {
			s.problem(w, r, problemf(http.StatusMisdirectedRequest, codeWrongHost, "this server is not %q: name it with --host, or use localhost", r.Host))
			return
		}
		h.ServeHTTP(w, r)
	})
}

// limited bounds how fast one address may ask, and how much it may send.
func (s *Server) limited(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/livez" && r.URL.Path != "/readyz" {
			if wait, ok := s.limiter.take("address " + remoteAddress(r).String()); !ok {
				s.problem(w, r, tooFast(wait))
				return
			}
		}
		r.Body = http.MaxBytesReader(w, r.Body, s.Limits.Body)
		h.ServeHTTP(w, r)
	})
}

func tooFast(wait time.Duration) *Problem {
	p := problemf(http.StatusTooManyRequests, codeTooFast, "too many requests")
	p.retryAfter = seconds(wait)
	return p
}

// seconds rounds up, and is at least one.
func seconds(d time.Duration) int { return max(1, int((d+time.Second-1)/time.Second)) }

// serve answers with what an operation does, for who may have it done.
func (s *Server) serve(op operation) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if entry, ok := r.Context().Value(logKey{}).(*logEntry); ok {
			entry.operation = op.id
		}
		if err := s.permitted(w, r, op); err != nil {
			s.problem(w, r, err)
		}
	})
}

func (s *Server) permitted(w http.ResponseWriter, r *http.Request, op operation) error {
	r, err := s.Admit(r, op.role)
	if err != nil {
		return err
	}
	if !op.writes() {
		return op.handle(w, r)
	}
	if s.ReadOnly {
		return problemf(http.StatusForbidden, codeReadOnly, "this server changes nothing: it runs with --read-only")
	}
	if op.id == "putTenant" {
		if err := s.bounded(r.PathValue("id")); err != nil {
			return err // who is told to come back has written nothing, and costs next to nothing
		}
	}
	return s.audited(w, r, op)
}

// Admit finds out who sent a request and whether they have a role. The request
// that it returns knows.
func (s *Server) Admit(r *http.Request, needed Role) (*http.Request, error) {
	c, err := s.caller(r)
	if err != nil {
		if wait, ok := s.limiter.takeFailure("failure " + c.Address); !ok {
			return nil, tooFast(wait)
		}
		return nil, err
	}
	if !c.Role.may(needed) {
		return nil, problemf(http.StatusForbidden, codeForbidden, "%s is a %s, and this takes an operator", c.Name, c.Role)
	}
	entry, _ := r.Context().Value(logKey{}).(*logEntry)
	if entry != nil {
		entry.caller = c.Name
	}
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, c)), nil
}

func (s *Server) notAllowed(allowed []string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		s.problem(w, r, problemf(http.StatusMethodNotAllowed, codeNotAllowed, "%s is not among what may be done here: %s", r.Method, strings.Join(allowed, ", ")))
	}
}

// logEntry is what the log says of a request beside the request itself.
type logEntry struct {
	id     string
	caller string

	operation string // the operation's id, or "" for what is none
}

type logKey struct{}

// requestID names a request, in the log and in the audit.
func requestID(r *http.Request) string {
	if e, ok := r.Context().Value(logKey{}).(*logEntry); ok {
		return e.id
	}
	return ""
}

// logged logs each request, sets the headers that all answers have, and turns a
// panic into an answer.
func (s *Server) logged(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entry := &logEntry{id: rand.Text()[:12]}
		ctx, span := traced(r)
		r = r.WithContext(context.WithValue(ctx, logKey{}, entry))
		out, began := &recorder{ResponseWriter: w}, s.Now()
		header := w.Header()
		header.Set("X-Request-Id", entry.id)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		if s.Access.TLS {
			header.Set("Strict-Transport-Security", "max-age=31536000")
		}
		defer func() {
			if v := recover(); v != nil && v != http.ErrAbortHandler {
				s.Log.Error("panic", "request", entry.id, "panic", s.Redact(fmt.Sprint(v)), "stack", string(debug.Stack()))
				if out.status == 0 {
					s.problem(out, r, problemf(http.StatusInternalServerError, codeInternal, "this is a defect; the log has more under the request %s", entry.id))
				}
			}
			endSpan(span, entry, out.status)
			s.Metrics.answered(entry.operation, out.status, s.Now().Sub(began))
			s.Log.Debug("request", "request", entry.id, "caller", entry.caller, "method", r.Method, "path", r.URL.Path, "status", out.status, "duration", s.Now().Sub(began))
		}()
		h.ServeHTTP(out, r)
	})
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (o *recorder) WriteHeader(status int) {
	if o.status == 0 {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (o *recorder) Write(p []byte) (int, error) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	return o.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (o *recorder) Unwrap() http.ResponseWriter { return o.ResponseWriter }
