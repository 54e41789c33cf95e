package runbook

import (
	"fmt"
	"net/http"
)

// livez says that the process answers.
func (s *Server) livez(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

// readyz says whether what it answers is worth anything: the files were read and
// the whole fleet was looked at once. A database that is away later does not make
// it unready: it still knows what it saw, and still takes writes.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if o := s.Fleet.Observation(); o.Looked.IsZero() {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "the fleet has not been looked at yet")
		return
	}
	fmt.Fprintln(w, "ok")
}
