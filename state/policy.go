package state

import (
	"math"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// The bounds of a lock timeout. PostgreSQL counts milliseconds, and 0 would
// mean to wait for ever.
const (
	minTimeout = time.Millisecond
	maxTimeout = time.Hour
)

// maxPause is the longest pause between two waves.
const maxPause = 24 * time.Hour

// maxParallelism bounds how many targets of a database are worked on at once.
const maxParallelism = 64

// policy reads how careful to be. What is wrong keeps its default.
func (r *reader) policy(n *yaml.Node) {
	p := &r.file.Policy
	r.object(n, "the policy",
		field{"destructive", func(n *yaml.Node) { p.Destructive = r.destructive(n) }},
		field{"lock_timeout", func(n *yaml.Node) { p.LockTimeout = r.duration(n, `"lock_timeout"`) }},
		field{"parallelism", func(n *yaml.Node) { p.Parallelism, _ = r.within(n, `"parallelism"`, 1, maxParallelism) }},
		field{"max_failures", func(n *yaml.Node) { p.MaxFailures, _ = r.within(n, `"max_failures"`, 1, math.MaxInt32) }},
		field{"drift", func(n *yaml.Node) { p.Drift = r.drift(n) }},
		field{"retire_after", func(n *yaml.Node) { p.RetireAfter = r.days(n, `"retire_after"`) }},
		field{"max_removals", func(n *yaml.Node) { p.MaxRemovals, _ = r.within(n, `"max_removals"`, 0, math.MaxInt32) }},
		field{"archive", func(n *yaml.Node) { p.Archive = r.archive(n) }},
		field{"end_sessions", func(n *yaml.Node) { p.EndSessions, _ = r.boolean(n, `"end_sessions"`) }},
		field{"max_changes", func(n *yaml.Node) { p.MaxChanges, _ = r.within(n, `"max_changes"`, 1, math.MaxInt32) }},
	)
}

// archive reads the folder for dumps.
func (r *reader) archive(n *yaml.Node) string {
	folder, ok := r.line(n, `"archive"`)
	if ok && folder == "" {
		r.errorf(r.pos(n), CodeEmptyValue, `"archive" is empty`)
	}
	return folder
}

// destructive reads what becomes of statements that destroy data.
func (r *reader) destructive(n *yaml.Node) Destructive {
	v, _ := r.oneOf(n, `"destructive"`, string(DestructiveDeny), string(DestructiveIfEmpty), string(DestructiveAllow))
	return Destructive(v)
}

// drift reads what becomes of a schema that is not as it was left.
func (r *reader) drift(n *yaml.Node) Drift {
	v, _ := r.oneOf(n, `"drift"`, string(DriftHeal), string(DriftReport))
	return Drift(v)
}

// duration reads a timeout.
func (r *reader) duration(n *yaml.Node, what string) time.Duration {
	return r.durationUpTo(n, what, maxTimeout)
}

// durationUpTo reads a duration of 1ms and more.
func (r *reader) durationUpTo(n *yaml.Node, what string, longest time.Duration) time.Duration {
	s, ok := r.value(n, what)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		r.errorf(r.pos(n), CodeInvalidDuration, "%s is not a duration", quote(s))
		if _, bare := wholeNumber(s); bare {
			r.hintf("add a unit: %ss", s)
		} else {
			r.hintf("such as 500ms, 3s or 1m30s")
		}
	case d < minTimeout || d > longest:
		r.errorf(r.pos(n), CodeInvalidDuration, "%s is %s, but must be 1ms to %dh", what, d, longest/time.Hour)
	default:
		return d
	}
	return 0
}

// rollout reads the waves.
func (r *reader) rollout(n *yaml.Node) {
	items, _ := r.list(n, `"rollout"`)
	for _, item := range items {
		r.file.Rollout = append(r.file.Rollout, r.wave(item))
	}
}

// wave reads one wave, which is either some labels, a share or a number.
func (r *reader) wave(n *yaml.Node) Wave {
	w := Wave{Pos: r.pos(n)}
	fields := 0
	ok := r.object(n, "a wave",
		field{"match", func(n *yaml.Node) { fields++; w.Match = r.match(n) }},
		field{"percent", func(n *yaml.Node) { fields++; w.Percent, _ = r.within(n, `"percent"`, 1, 100) }},
		field{"count", func(n *yaml.Node) { fields++; w.Count, _ = r.within(n, `"count"`, 1, math.MaxInt32) }},
		field{"pause", func(n *yaml.Node) { w.Pause = r.durationUpTo(n, `"pause"`, maxPause) }},
		field{"check", func(n *yaml.Node) { w.Check = r.check(n) }},
		field{"max_failures", func(n *yaml.Node) { w.MaxFailures, _ = r.within(n, `"max_failures"`, 1, math.MaxInt32) }},
	)
	if ok && fields != 1 {
		r.errorf(w.Pos, CodeInvalidWave, "a wave has one of match, percent and count")
	}
	return w
}

// check reads a query. It may have several lines.
func (r *reader) check(n *yaml.Node) string {
	s, ok := r.text(n, `"check"`)
	if ok && strings.TrimSpace(s) == "" {
		r.errorf(r.pos(n), CodeEmptyValue, `"check" is empty`)
	}
	return s
}

// match reads the labels that a wave asks for.
func (r *reader) match(n *yaml.Node) map[string]string {
	match, ok := r.labels(n, `"match"`)
	if ok && len(target(n).Content) == 0 {
		r.errorf(r.pos(n), CodeEmptyValue, `"match" is empty`)
		r.hintf("a wave of everyone is percent: 100")
	}
	return match
}
