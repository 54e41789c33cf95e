package runbook

import (
	"net/http"
	"time"
)

// seen counts a request that was answered.
func (s *Server) seen(r *http.Request, status int, took time.Duration) {}
