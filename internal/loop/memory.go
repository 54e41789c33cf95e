package loop

import (
	"fmt"
	"time"

	"tenantry/reconcile"
	"tenantry/state"
)

// memory is what the loop knows of each target.
type memory map[reconcile.Key]known

// known is how a target was last seen.
type known struct {
	wish     string    // what the file said of it
	fine     bool      // it was
	failures int       // looks in a row that found it not to be
	next     time.Time // when to look at it again where it was not; zero for the next look at all
}

// A target that failed is tried again after the shortest wait, then after twice
// as long each time.
const (
	shortestWait = 500 * time.Millisecond
	longestWait  = time.Minute
)

// backoff is how long to wait after so many failures.
func backoff(failures int) time.Duration { return min(shortestWait<<min(failures, 10), longestWait) }

// due returns the targets to look at now, and when the next will be to look at.
// gone says that a target was known that is not desired any more.
func (m memory) due(desired *reconcile.Desired, now time.Time) (few []reconcile.Target, next time.Time, gone bool) {
	there := 0
	for _, t := range desired.Targets {
		k, ok := m[t.Key]
		if ok {
			there++
		}
		switch {
		case !ok, k.wish != wishOf(&t), !k.fine && !k.next.IsZero() && !now.Before(k.next):
			few = append(few, t)
		case !k.fine && !k.next.IsZero() && (next.IsZero() || k.next.Before(next)):
			next = k.next
		}
	}
	return few, next, there < len(m)
}

// forget drops what is not desired any more.
func (m memory) forget(desired *reconcile.Desired) {
	wanted := make(map[reconcile.Key]bool, len(desired.Targets))
	for _, t := range desired.Targets {
		wanted[t.Key] = true
	}
	for key := range m {
		if !wanted[key] {
			delete(m, key)
		}
	}
}

// wishOf is all that the file says of a target that makes it worth a look.
func wishOf(t *reconcile.Target) string {
	protected := t.Protected != nil && *t.Protected
	return fmt.Sprintf("%s %s %s %v %v %v", t.Blueprint.Digest, t.State, t.Was, t.Forget, t.Adopt, protected)
}

// removes reports whether a target is to go, or to take another's place: what a
// policy bounds.
func removes(t *reconcile.Target) bool { return t.State == state.Retired || t.Was != "" }

// saw notes how targets were seen. Those that are not fine and that retry takes
// are looked at again after a while.
func (m memory) saw(desired *reconcile.Desired, found found, now time.Time, retry func(Schema) bool) {
	for i := range desired.Targets {
		t := &desired.Targets[i]
		s, ok := found.of(t)
		k := known{wish: wishOf(t), fine: ok && s.ready() || !ok && t.Forget}
		if !k.fine {
			if before := m[t.Key]; before.wish == k.wish {
				k.failures = before.failures + 1
			}
			if retry(s) {
				k.next = now.Add(backoff(k.failures))
			}
		}
		m[t.Key] = k
	}
}

// found is what was seen of schemas.
type found map[reconcile.Key]Schema

// of returns what was seen of a target. What was put aside has another name.
func (f found) of(t *reconcile.Target) (Schema, bool) {
	if s, ok := f[t.Key]; ok {
		return s, true
	}
	for _, s := range f {
		if t.State == state.Retired && s.State == reconcile.StateRetired && s.Tenant == t.Tenant && s.Database == t.Database && !s.Shared {
			return s, true
		}
	}
	return Schema{}, false
}
