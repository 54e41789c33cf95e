package loop

import (
	"sync"
	"time"
)

// EventType says what an event is about.
type EventType string

const (
	EventRun    EventType = "run"    // a run began or ended; its data is a Progress
	EventTarget EventType = "target" // a run is done with a schema; its data is a TargetDone
	EventRetry  EventType = "retry"  // an attempt on a schema is made again; its data is a Retry
	EventFleet  EventType = "fleet"  // the fleet was looked at; its data counts tenants by state
	EventLoop   EventType = "loop"   // the loop was paused, goes on, or another replica leads
)

// An Event is something that happened. Whoever misses some looks at the
// Observation.
type Event struct {
	ID   uint64    `json:"id"` // one more than that of the event before
	At   time.Time `json:"at"`
	Type EventType `json:"type"`
	Data any       `json:"data"`
}

// Progress is how far a run has come.
type Progress struct {
	RunID   string    `json:"run_id"`
	By      string    `json:"by"`
	Started time.Time `json:"started_at"`
	Phase   string    `json:"phase"` // planning, applying, finished
	Done    int       `json:"done"`
	Total   int       `json:"total"`
	Failed  int       `json:"failed"`
	Error   string    `json:"error,omitempty"`
}

// Retry is an attempt on a schema that is made again.
type Retry struct {
	RunID    string `json:"run_id"`
	Database string `json:"database"`
	Schema   string `json:"schema"`
	Cause    string `json:"cause"` // lock, busy or other
	Error    string `json:"error"`
}

// TargetDone is what a run did to one schema.
type TargetDone struct {
	RunID    string `json:"run_id"`
	Tenant   string `json:"tenant"`
	Shared   bool   `json:"shared,omitempty"`
	Database string `json:"database"`
	Schema   string `json:"schema"`
	Outcome  string `json:"outcome"`
	Error    string `json:"error,omitempty"`
	Duration int64  `json:"duration_ms"`
	Done     int    `json:"done"`
	Total    int    `json:"total"`
}

// loopEvent is the data of an EventLoop.
type loopEvent struct {
	Leading bool   `json:"leading"`
	Leader  string `json:"leader"`
	Pause   *Pause `json:"pause"`
}

// kept is how many events are kept for those who come back; waiting is how many
// may wait for one reader.
const (
	kept    = 1024
	waiting = 256
)

// feed hands events to subscribers.
type feed struct {
	mu          sync.Mutex
	last        uint64
	past        []Event
	subscribers map[chan Event]bool
}

func (f *feed) tell(at time.Time, kind EventType, data any) Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	e := Event{ID: f.last, At: at, Type: kind, Data: data}
	if len(f.past) == kept {
		f.past = append(f.past[:0], f.past[1:]...)
	}
	f.past = append(f.past, e)
	for s := range f.subscribers {
		select {
		case s <- e:
		default: // it does not keep up: it may come back and ask for what it missed
			delete(f.subscribers, s)
			close(s)
		}
	}
	return e
}

func (f *feed) subscribe(after uint64) (past []Event, events chan Event, cancel func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.past {
		if after > 0 && e.ID > after {
			past = append(past, e)
		}
	}
	events = make(chan Event, waiting)
	if f.subscribers == nil {
		f.subscribers = make(map[chan Event]bool)
	}
	f.subscribers[events] = true
	return past, events, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.subscribers[events] {
			delete(f.subscribers, events)
			close(events)
		}
	}
}

// Subscribe returns the events after the one of that id that are still kept,
// none for 0, and those that will be. The channel is closed when its reader does
// not keep up, and by cancel.
func (l *Loop) Subscribe(after uint64) (past []Event, events <-chan Event, cancel func()) {
	return l.feed.subscribe(after)
}

func (l *Loop) tell(kind EventType, data any) {
	e := l.feed.tell(l.options.Now(), kind, data)
	if l.options.Watch != nil {
		l.options.Watch(e)
	}
}
