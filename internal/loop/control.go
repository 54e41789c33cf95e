package loop

import (
	"context"
	"time"
)

// Control is what replicas share, in a database.
type Control interface {
	// Prepare makes it ready to be used.
	Prepare(ctx context.Context) error
	// Hold takes the lease for holder where nobody has it, or renews it where holder
	// has it, for so long from now by the database's clock. It returns who has it,
	// and whether the loop is paused.
	Hold(ctx context.Context, holder string, ttl time.Duration) (Shared, error)
	// Shared only reads.
	Shared(ctx context.Context) (Shared, error)
	// Release gives the lease back, where holder has it.
	Release(ctx context.Context, holder string) error
	// SetPause pauses the loop, or with nil ends the pause.
	SetPause(ctx context.Context, p *Pause) error
}

// Shared is what replicas share.
type Shared struct {
	Holder string // of the lease, or "" where it has run out
	Pause  *Pause // nil where there is none, or it is over
}

// A Pause keeps the loop from bringing about changes.
type Pause struct {
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
}

// hold takes or renews the lease, and publishes what came of it.
func (l *Loop) hold(ctx context.Context, c Control) error {
	var shared Shared
	var err error
	if l.options.ReadOnly {
		shared, err = c.Shared(ctx)
	} else {
		shared, err = c.Hold(ctx, l.options.Holder, l.lease())
	}
	if err != nil {
		// Who cannot renew the lease does not know that it still leads.
		shared.Holder = ""
	}
	before := l.Observation()
	leading := shared.Holder == l.options.Holder && !l.options.ReadOnly
	if err == nil && (leading != before.Leading || shared.Holder != before.Leader || !samePause(shared.Pause, before.Pause)) {
		l.publish(func(o *Observation) { o.Leading, o.Leader, o.Pause = leading, shared.Holder, shared.Pause })
		l.tell(EventLoop, loopEvent{Leading: leading, Leader: shared.Holder, Pause: shared.Pause})
		l.Poke("the lease or a pause changed")
	}
	if err != nil && before.Leading {
		l.publish(func(o *Observation) { o.Leading, o.Leader = false, "" })
	}
	return err
}

func samePause(a, b *Pause) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Reason == b.Reason && a.Until.Equal(b.Until)
}

func (l *Loop) lease() time.Duration {
	if l.options.Lease > 0 {
		return l.options.Lease
	}
	return DefaultLease
}

// keepLease renews the lease until the context ends, and then gives it back.
func (l *Loop) keepLease(ctx context.Context) {
	tick := time.NewTicker(l.lease() / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			l.release(context.WithoutCancel(ctx))
			return
		case <-tick.C:
		}
		if w := l.Observation().World; w != nil && w.Control != nil {
			if err := l.hold(ctx, w.Control); err != nil && ctx.Err() == nil {
				l.options.Log.Warn("the lease could not be renewed", "error", l.options.Redact(err.Error()))
			}
		}
	}
}

// release lets another replica lead at once.
func (l *Loop) release(ctx context.Context) {
	o := l.Observation()
	if o.World == nil || o.World.Control == nil || !o.Leading {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := o.World.Control.Release(ctx, l.options.Holder); err != nil {
		l.options.Log.Warn("the lease could not be given back; it runs out", "error", l.options.Redact(err.Error()))
	}
}

// Pause keeps the loop of every replica from bringing about changes, or with nil
// lets it go on.
func (l *Loop) Pause(ctx context.Context, p *Pause) error {
	w := l.Observation().World
	if w == nil || w.Control == nil {
		return ErrNotReady
	}
	if err := w.Control.Prepare(ctx); err != nil {
		return err
	}
	if err := w.Control.SetPause(ctx, p); err != nil {
		return err
	}
	l.publish(func(o *Observation) { o.Pause = p })
	l.tell(EventLoop, loopEvent{Leading: l.Observation().Leading, Leader: l.Observation().Leader, Pause: p})
	l.Poke("the loop was paused or goes on")
	return nil
}
