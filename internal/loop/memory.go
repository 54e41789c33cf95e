package loop

import (
	"time"

	"tenantry/reconcile"
)

// memory is what the loop knows of each target.
type memory map[reconcile.Key]known

// known is how a target was last seen.
type known struct {
	digest   string    // of the blueprint that it was to be like
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
		case !ok, k.digest != t.Blueprint.Digest, !k.fine && !k.next.IsZero() && !now.Before(k.next):
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

// saw notes how targets were seen. Those that are not fine and that retry takes
// are looked at again after a while.
func (m memory) saw(desired *reconcile.Desired, schemas map[reconcile.Key]Schema, now time.Time, retry func(Schema) bool) {
	for _, t := range desired.Targets {
		s, ok := schemas[t.Key]
		if !ok {
			continue
		}
		k := known{digest: t.Blueprint.Digest, fine: s.State == reconcile.StateInSync}
		if !k.fine {
			if before := m[t.Key]; before.digest == k.digest {
				k.failures = before.failures + 1
			}
			if retry(s) {
				k.next = now.Add(backoff(k.failures))
			}
		}
		m[t.Key] = k
	}
}
