package report

import (
	"fmt"
	"io"
	"sync"

	"tenantry/reconcile"
)

// Progress tells how far a run has come. On a terminal it is one line that is
// written anew; elsewhere a line for each finished target, or for each tenth
// of a large fleet.
//
// It is for whoever watches: an error of its writer is no error of the run.
type Progress struct {
	w        io.Writer
	terminal bool
	style    Style

	mu           sync.Mutex
	done, failed int
	tenths       int
	shown        string // what is on the terminal's line
}

// manyTargets is the size of a fleet above which its targets do not get a line
// each.
const manyTargets = 100

// NewProgress returns a Progress that writes to w.
func NewProgress(w io.Writer, terminal bool, s Style) *Progress {
	return &Progress{w: w, terminal: terminal, style: s}
}

// Event tells of an event. It may be called from several goroutines.
func (p *Progress) Event(e reconcile.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	finished := e.Phase == reconcile.PhaseApplied && e.Target != nil && e.Outcome != nil
	if finished {
		p.done++
		if e.Outcome.Result == reconcile.ResultFailed {
			p.failed++
		}
	}
	switch {
	case e.Note != "":
		p.note(e.Note)
	case p.terminal:
		p.rewrite(p.status(e))
	case !finished:
		// observing and planning take too little time to be worth a line
	case e.Total <= manyTargets || p.style.Verbose:
		fmt.Fprintln(p.w, p.line(e))
	case p.done*10/e.Total > p.tenths:
		p.tenths = p.done * 10 / e.Total
		fmt.Fprintln(p.w, "… "+p.summary(e.Total))
	}
}

// note says something in a line of its own.
func (p *Progress) note(text string) {
	if p.shown != "" {
		io.WriteString(p.w, eraseLine)
	}
	p.shown = ""
	fmt.Fprintln(p.w, clean(text))
}

// Done clears the terminal's line. To begin another one is no mistake.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown != "" {
		io.WriteString(p.w, eraseLine)
	}
	p.shown = ""
}

// eraseLine goes to the beginning of the line and erases it: EL of ECMA-48.
const eraseLine = "\r\x1b[K"

func (p *Progress) rewrite(status string) {
	if p.style.Width > 0 {
		status = cut(status, p.style.Width-1) // a line that is full would wrap
	}
	if status != p.shown {
		io.WriteString(p.w, eraseLine+status)
	}
	p.shown = status
}

// status returns the terminal's line.
func (p *Progress) status(e reconcile.Event) string {
	if e.Phase != reconcile.PhaseApplied {
		return clean(string(e.Phase) + " " + e.Database + " …")
	}
	status := p.summary(e.Total)
	if e.Target != nil {
		status += ": " + clean(e.Target.Schema)
	}
	return status
}

// summary returns "300 of 1,000 targets, 2 failed".
func (p *Progress) summary(total int) string {
	out := thousands(p.done) + " of " + count(total, "target")
	if p.failed > 0 {
		out += ", " + thousands(p.failed) + " failed"
	}
	return out
}

// line returns the line of one finished target. It is for logs as much as for
// people: it names all there is to name.
func (p *Progress) line(e reconcile.Event) string {
	t, o := e.Target, e.Outcome
	c := green
	switch o.Result {
	case reconcile.ResultFailed, reconcile.ResultBlocked:
		c = red
	case reconcile.ResultSkipped:
		c = yellow
	}
	line := p.style.paint(c, clean(string(o.Result))) + clean(fmt.Sprintf(" %s (%s) in %s", t.Schema, t.Tenant, t.Database))
	if o.Error != "" {
		return line + ": " + clean(messageOf(t, *o))
	}
	return line + ", " + took(o.Duration)
}

// cut shortens text to a width.
func cut(text string, width int) string {
	if cells(text) <= width {
		return text
	}
	n := 0
	for i, r := range text {
		if n+runeCells(r) > width-1 {
			return text[:i] + "…"
		}
		n += runeCells(r)
	}
	return text
}
