package loop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"tenantry/reconcile"
	"tenantry/state"
)

// maxAsked is how many may wait for their turn.
const maxAsked = 16

// keptTickets is how many of those who asked last are remembered.
const keptTickets = 64

// ErrBusy says that too many wait for their turn.
var ErrBusy = errors.New("too many runs are waiting for their turn")

// ErrReadOnly says that nothing is changed here.
var ErrReadOnly = errors.New("this server changes nothing: it runs with --read-only")

// A MovedError says that a plan does not hold any more.
type MovedError struct{ Moved []string }

func (e *MovedError) Error() string {
	return "the plan is stale, and nothing of it was applied: " + strings.Join(e.Moved, "; ")
}

// A RefusedError says why the policy did not want any of a plan to run.
type RefusedError struct{ Why string }

func (e *RefusedError) Error() string { return e.Why }

// An Ask is a run that somebody asks for. It is carried out even where the loop
// is paused, or another replica leads: locks on the targets make that safe.
type Ask struct {
	By      string
	Tenants []string        // only these; nil for all
	Saved   *reconcile.Plan // what must be planned then, or nil
	Allowed reconcile.Allowed
	Removal bool // the tenants may be retired or renamed, whatever the policy says of how many
	Heal    bool // drift is mended, where the policy would only have it reported
}

// A Ticket is an Ask that was accepted.
type Ticket struct {
	Ask
	Run    reconcile.Run
	Done   chan struct{}     // closed when it has been carried out, or could not be
	Report *reconcile.Report // once it is done; nil where Err is not
	Err    error
}

// Ask has something carried out as soon as its turn has come.
func (l *Loop) Ask(a Ask) (*Ticket, error) {
	if l.options.ReadOnly {
		return nil, ErrReadOnly
	}
	w := l.Observation().World
	if w == nil {
		return nil, ErrNotReady
	}
	t := &Ticket{Ask: a, Run: l.options.NewRun(w.Desired.Revision), Done: make(chan struct{})}
	t.Run.By = a.By
	select {
	case l.asked <- t:
		l.log.add(t)
		return t, nil
	default:
		return nil, ErrBusy
	}
}

// Ticket returns what was asked for as that run, or nil where that is too long
// ago, or never was.
func (l *Loop) Ticket(runID string) *Ticket { return l.log.find(runID) }

// ticketLog remembers tickets.
type ticketLog struct {
	mu      sync.Mutex
	tickets []*Ticket
}

func (g *ticketLog) add(t *Ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.tickets) == keptTickets {
		g.tickets = append(g.tickets[:0], g.tickets[1:]...)
	}
	g.tickets = append(g.tickets, t)
}

func (g *ticketLog) find(runID string) *Ticket {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.tickets {
		if t.Run.ID == runID {
			return t
		}
	}
	return nil
}

// answer carries out what was asked for before the world was read: whoever asks
// later may have changed it.
func (l *Loop) answer(ctx context.Context) {
	for _, t := range l.pending {
		t.Report, t.Err = l.carryOut(ctx, t)
		close(t.Done)
	}
	l.pending = nil
}

// refuse tells those who asked why it cannot be done.
func (l *Loop) refuse(err error) {
	l.collect()
	for _, t := range l.pending {
		t.Err = err
		close(t.Done)
	}
	l.pending = nil
}

// isAsked reports whether somebody has asked for just this tenant, and so will
// have it done in their name.
func (l *Loop) isAsked(t reconcile.Target) bool {
	return slices.ContainsFunc(l.pending, func(p *Ticket) bool { return !t.Shared && slices.Contains(p.Tenants, t.Tenant) })
}

func (l *Loop) collect() {
	for {
		select {
		case t := <-l.asked:
			l.pending = append(l.pending, t)
		default:
			return
		}
	}
}

func (l *Loop) carryOut(ctx context.Context, t *Ticket) (*reconcile.Report, error) {
	w := l.Observation().World
	desired := w.Desired.Only(t.Tenants)
	if len(desired.Targets) == 0 {
		return nil, fmt.Errorf("there is no tenant %s any more", strings.Join(t.Tenants, ", "))
	}
	if t.Removal {
		only := *desired
		only.Policy.MaxRemovals = max(only.Policy.MaxRemovals, len(only.Targets))
		desired = &only
	}
	if t.Heal {
		only := *desired
		only.Policy.Drift = state.DriftHeal
		desired = &only
	}
	planner, world := l.planner(w), *w
	if t.Allowed.Destructive {
		world.Applier.Destructive = state.DestructiveAllow
	}
	planner.AllowDestructive = planner.AllowDestructive || t.Allowed.Destructive
	planner.Adopt = planner.Adopt || t.Allowed.Adopt
	plan, err := planner.Plan(ctx, desired)
	if err != nil {
		return nil, err
	}
	if plan.Refused != "" {
		return nil, &RefusedError{plan.Refused}
	}
	if t.Saved != nil {
		if moved := t.Saved.Moved(plan); len(moved) > 0 {
			return nil, &MovedError{moved}
		}
	}
	report, err := l.apply(ctx, &world, plan, t.Run)
	if err != nil {
		return report, err
	}
	schemas, err := l.status(ctx, w, desired, report)
	if err != nil {
		return report, err
	}
	l.memory.saw(desired, schemas, l.options.Now(), func(s Schema) bool { return s.Blocked == "" })
	return report, nil
}
