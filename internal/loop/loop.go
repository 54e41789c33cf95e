// Package loop keeps a fleet equal to its files for as long as it runs.
//
// It is level-triggered. Whatever happens, a file saved, a row inserted, a
// request, an interval over, only says that it is time to look again; what is
// done follows from what is found then. So nothing is lost when an event is, or
// when a process is killed: the next one finds what is still to be done.
//
// One goroutine, that of Run, reads the files, plans and applies. What others
// see is an Observation, a value that never changes after it was published.
// Whoever wants something done asks, and waits for an Observation that shows it.
//
// A turn looks only at what the files now say otherwise than what was last seen
// to be right, which costs the same in a fleet of any size; at an interval, and
// where definitions have changed, it looks at all. A target that failed is tried
// again after a wait that doubles each time, and at once when its definition
// changes.
//
// It knows no file, no driver and no HTTP: what it works on is a Source.
package loop

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tenantry/reconcile"
	"tenantry/state"
)

// A World is what the files and sources say at one moment, with databases open.
type World struct {
	File     *state.File        // with the tenants of sources
	Desired  *reconcile.Desired // of the whole fleet
	Planner  *reconcile.Planner
	Applier  reconcile.Applier                             // all but Progress
	Problems []reconcile.Diagnostic                        // rows of sources that cannot be used
	Resolve  func(*state.File) (*reconcile.Desired, error) // what would be desired if the file had been another
	Control  Control                                       // of the database that holds what replicas share; nil where there are no databases
}

// A Source is where the world comes from. Its methods are called by one
// goroutine at a time.
type Source interface {
	// Read returns the world as it is now. Where whole is false, what Next and Poke
	// have not told of may be taken to be as it was.
	Read(ctx context.Context, whole bool) (*World, error)
	// Next waits until Read may return something else, and says why. An error is
	// the context's, and nothing is missed by it.
	Next(ctx context.Context) (why string, err error)
}

// Options is how a loop works. Only Holder, NewRun and Diagnosed have to be there.
type Options struct {
	Holder    string                                     // this replica's name, for the lease
	NewRun    func(revision string) reconcile.Run        // names a run
	Diagnosed func(error) ([]reconcile.Diagnostic, bool) // what is wrong with the files, where that is what an error says
	Resync    time.Duration                              // look at all so often; 0 for DefaultResync
	Lease     time.Duration                              // how long a replica that is gone still leads; 0 for DefaultLease
	ReadOnly  bool                                       // look, and change nothing
	Log       *slog.Logger                               // nil for none
	Redact    func(string) string                        // takes passwords out of what is shown; nil where there are none
	Watch     func(Event)                                // is told of each event, and must not block; may be nil
	Now       func() time.Time                           // nil for time.Now
	Jitter    func(time.Duration) time.Duration          // of an interval, so that replicas do not go together; nil for none
}

// The intervals where Options has none.
const (
	DefaultResync = time.Minute
	DefaultLease  = 10 * time.Second
)

// most is how many targets a turn takes that is not about all: those who come
// meanwhile do not wait for long.
const most = 32

// ErrNotReady says that the files or the databases were never read so far.
var ErrNotReady = errors.New("the files and databases have not been read yet")

// ErrStopped says that the loop has ended.
var ErrStopped = errors.New("the server is stopping")

// A Loop keeps one fleet.
type Loop struct {
	source  Source
	options Options

	current atomic.Pointer[Observation]
	mu      sync.Mutex    // for publishing
	changed chan struct{} // closed, and another put in its place, with each Observation
	feed    feed

	wake  chan string // something has happened; of capacity 1
	asked chan *Ticket
	log   ticketLog

	// What follows belongs to Run's goroutine.
	memory   memory
	whole    time.Time // when to look at all again
	failures int       // turns in a row that came to nothing
	due      time.Time // when the next turn begins, whatever happens or not
	pending  []*Ticket // to be carried out in the next turn
}

// New returns a loop that Run sets going.
func New(source Source, o Options) *Loop {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Redact == nil {
		o.Redact = func(s string) string { return s }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Resync <= 0 {
		o.Resync = DefaultResync
	}
	l := &Loop{
		source: source, options: o, changed: make(chan struct{}), wake: make(chan string, 1), asked: make(chan *Ticket, maxAsked), memory: make(memory),
	}
	l.current.Store(&Observation{At: o.Now()})
	return l
}

// Run works until the context ends. What was begun then is finished or undone.
func (l *Loop) Run(ctx context.Context) {
	var lease sync.WaitGroup
	lease.Go(func() { l.keepLease(ctx) })
	defer lease.Wait()
	defer l.refuse(ErrStopped)
	for why := "started"; ctx.Err() == nil; {
		l.turn(ctx, why)
		why = l.next(ctx)
	}
}

// Observation returns what was last seen; never nil.
func (l *Loop) Observation() *Observation { return l.current.Load() }

// publish puts out an Observation that differs from the last as change says.
func (l *Loop) publish(change func(*Observation)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := *l.current.Load()
	o.At = l.options.Now()
	change(&o)
	l.current.Store(&o)
	close(l.changed)
	l.changed = make(chan struct{})
}

// Changed returns a channel that is closed with the next Observation.
func (l *Loop) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// Poke says that something has happened, so that it is time to look.
func (l *Loop) Poke(why string) {
	select {
	case l.wake <- why:
	default: // a look is due already
	}
}

// next waits for what begins the next turn.
func (l *Loop) next(ctx context.Context) (why string) {
	waiting, cancel := context.WithDeadline(ctx, l.due)
	changes := make(chan string, 1)
	var source sync.WaitGroup
	source.Go(func() {
		if why, err := l.source.Next(waiting); err == nil {
			changes <- why
		}
	})
	defer source.Wait()
	defer cancel()
	select {
	case why = <-l.wake:
	case why = <-changes:
	case t := <-l.asked:
		l.pending = append(l.pending, t)
		why = "asked"
	case <-waiting.Done():
		why = "time has passed"
	}
	return why
}
