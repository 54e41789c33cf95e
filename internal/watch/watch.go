// Package watch says when files have changed.
//
// It is level-triggered: an event of the file system only says that it is time
// to look again, and what counts is whether the files hold something else than
// they did. So a touch, a file saved as it was, and a log that grows in the same
// folder are silent, and no way of saving is special. Editors replace a file by
// renaming another over it, which ends a watch on the file itself; Kubernetes
// swaps the link ..data, and no event has the file's name: therefore folders are
// watched, those of links on the way included, and any event in them counts.
//
// Where no events come, as on some network file systems, it looks at intervals.
package watch

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Options says how long to wait for what. The zero value suits nobody.
type Options struct {
	Rest   time.Duration // how long nothing must go on changing before a change is reported
	AtMost time.Duration // how long after its beginning a change is reported although it goes on
	Poll   time.Duration // look so often, and do without events; 0 for events
	Reread time.Duration // look so often whatever events say

	// Match says which names count in a folder that is watched as such.
	Match func(name string) bool
}

// fallback is how often to look where the system does not tell of events.
const fallback = time.Second

// A Watcher watches files. It is for one goroutine.
type Watcher struct {
	options Options
	events  *notifier     // nil where there are none
	wake    chan struct{} // something has happened
	trouble error
	paths   []string
	known   snapshot // what was reported, or there from the beginning
}

// New returns a Watcher of nothing yet. It does not fail: where the system
// cannot tell of events it looks at intervals, and Trouble says why.
func New(o Options) *Watcher {
	w := newWatcher(o)
	if o.Poll == 0 {
		w.events, w.trouble = newNotifier(w.wake)
	}
	return w
}

func newWatcher(o Options) *Watcher { return &Watcher{options: o, wake: make(chan struct{}, 1)} }

// Close ends the watch.
func (w *Watcher) Close() error {
	if w.events == nil {
		return nil
	}
	return w.events.close()
}

// Trouble returns why the system does not tell of all events, so that the files
// are looked at every second, or nil.
func (w *Watcher) Trouble() error { return w.trouble }

// Set says what to watch from now on: files, and folders for those of the files
// in them that Match takes. None of them needs to exist. What was watched before
// is compared with what it held then; of what is new to the watch, what it holds
// now is the beginning, and grew is true: read it after this, not before, or a
// change in between goes unnoticed.
func (w *Watcher) Set(paths []string) (grew bool) {
	w.paths = slices.Compact(slices.Sorted(slices.Values(paths)))
	now := w.look()
	for path := range now {
		if before, ok := w.known[path]; ok {
			now[path] = before
		} else {
			grew = true
		}
	}
	w.known = now
	return grew
}

// Next waits until the files hold something else than they did, and have come
// to rest. What changed since the last Next is not missed, whenever it did. An
// error is the context's; what was not reported then will be.
func (w *Watcher) Next(ctx context.Context) (Change, error) {
	seen, moment := w.known, time.Now()
	var began, moved time.Time
	for {
		now := w.look()
		if !now.equal(seen) {
			seen, moved = now, moment
			if began.IsZero() {
				began = moment
			}
		}
		wait := w.idle()
		if now.equal(w.known) {
			began = time.Time{}
		} else if wait = w.unrest(began, moved); wait <= 0 {
			change := Change{Files: now.differing(w.known)}
			w.known = now
			return change, nil
		}
		var err error
		if moment, err = w.wait(ctx, wait); err != nil {
			return Change{}, err
		}
	}
}

// look makes sure that events come, and then reads: what changes in between is
// told of.
func (w *Watcher) look() snapshot {
	if w.events != nil {
		w.trouble = w.events.follow(w.paths)
	}
	return read(w.paths, w.options.Match)
}

// unrest returns how long to go on waiting for rest.
func (w *Watcher) unrest(began, moved time.Time) time.Duration {
	return min(w.options.Rest-time.Since(moved), w.options.AtMost-time.Since(began))
}

// idle returns how long to wait where nothing happens.
func (w *Watcher) idle() time.Duration {
	switch {
	case w.options.Poll > 0:
		return min(w.options.Poll, w.options.Reread)
	case w.trouble != nil:
		return min(fallback, w.options.Reread)
	}
	return w.options.Reread
}

// wait waits for an event, or so long, and returns when that was. Events come in
// swarms: a few more may come before it is worth looking.
func (w *Watcher) wait(ctx context.Context, d time.Duration) (time.Time, error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	case at := <-timer.C:
		return at, nil
	case <-w.wake:
	}
	at := time.Now()
	select {
	case <-ctx.Done():
		return at, ctx.Err()
	case <-time.After(w.options.Rest / 10):
	}
	return at, nil
}

// A Change is what has changed.
type Change struct {
	Files []string // sorted, and named as they were given
}

// String returns "tenants.yaml changed", or "a.hcl and 4 other files changed".
func (c Change) String() string {
	switch n := len(c.Files); n {
	case 0:
		return "nothing changed"
	case 1:
		return c.Files[0] + " changed"
	case 2:
		return c.Files[0] + " and " + c.Files[1] + " changed"
	default:
		return fmt.Sprintf("%s and %d other files changed", c.Files[0], n-1)
	}
}
