package runbook

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxLimited is how many callers are remembered. Where there are more, those are
// forgotten who have not asked for longest.
const maxLimited = 4096

// The rate at which one address may get its token wrong.
const (
	failureRate  = 1
	failureBurst = 10
)

// limiter bounds how fast each caller may ask.
type limiter struct {
	rate  rate.Limit
	burst int
	now   func() time.Time

	mu sync.Mutex
	of map[string]*limited
}

type limited struct {
	*rate.Limiter
	last time.Time
}

func newLimiter(perSecond float64, burst int, now func() time.Time) *limiter {
	return &limiter{rate: rate.Limit(perSecond), burst: burst, now: now, of: make(map[string]*limited)}
}

// take takes one request of the caller, or says after how long to come back.
func (l *limiter) take(who string) (wait time.Duration, ok bool) {
	return l.takeAt(who, l.rate, l.burst)
}

// takeFailure takes one failed attempt to be somebody.
func (l *limiter) takeFailure(who string) (wait time.Duration, ok bool) {
	return l.takeAt(who, failureRate, failureBurst)
}

func (l *limiter) takeAt(who string, r rate.Limit, burst int) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	one := l.of[who]
	if one == nil {
		if len(l.of) >= maxLimited {
			l.forget(now)
		}
		one = &limited{Limiter: rate.NewLimiter(r, burst)}
		l.of[who] = one
	}
	one.last = now
	taken := one.ReserveN(now, 1)
	if wait = taken.DelayFrom(now); wait > 0 {
		taken.CancelAt(now)
		return wait, false
	}
	return 0, true
}

// forget drops whoever has all of their burst back, else whoever it meets.
func (l *limiter) forget(now time.Time) {
	for who, one := range l.of {
		if now.Sub(one.last) > time.Minute {
			delete(l.of, who)
		}
	}
	for who := range l.of {
		if len(l.of) < maxLimited {
			return
		}
		delete(l.of, who)
	}
}
