package runbook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"tenantry/internal/loop"
)

// heartbeat is how often a stream of events says that it is still there.
const heartbeat = 15 * time.Second

// streamEvents streams events as they happen (server-sent events). One that comes
// back with Last-Event-ID gets what it missed, as far as that is kept.
func (s *Server) streamEvents(w http.ResponseWriter, r *http.Request) error {
	after, err := lastEvent(r)
	if err != nil {
		return err
	}
	past, events, cancel := s.Fleet.Subscribe(after)
	defer cancel()
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx
	fmt.Fprint(w, "retry: 2000\n\n")
	for _, e := range past {
		writeEvent(w, e)
	}
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		control.SetWriteDeadline(time.Now().Add(2 * heartbeat)) // a connection without deadlines is none that could hang
		if control.Flush() != nil {
			return nil // it has gone
		}
		select {
		case e, open := <-events:
			if !open {
				return nil // it did not keep up: it comes back and asks for what it missed
			}
			writeEvent(w, e)
		case <-tick.C:
			fmt.Fprint(w, ": still here\n\n")
		case <-r.Context().Done():
			return nil
		case <-s.streaming:
			return nil
		}
	}
}

func lastEvent(r *http.Request) (uint64, error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.URL.Query().Get("after")
	}
	if text == "" {
		return 0, nil
	}
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, problemf(http.StatusBadRequest, codeBadParameter, "%q is not the id of an event", text)
	}
	return id, nil
}

func writeEvent(w http.ResponseWriter, e loop.Event) {
	data, err := json.Marshal(e)
	if err != nil {
		panic("runbook: an event does not marshal: " + err.Error()) // they are made of texts and numbers
	}
	fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e.ID, e.Type, data)
}
