package report

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tenantry/reconcile"
)

func finished(id string, n, total int, o reconcile.Outcome) reconcile.Event {
	t := target(id, reconcile.ActionCreate, reconcile.ReasonMissing, "")
	return reconcile.Event{Phase: reconcile.PhaseApplied, Database: "main", Target: &t, Outcome: &o, Done: n, Total: total}
}

func TestProgressOffATerminalIsALineATarget(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	p := NewProgress(&b, false, Style{})
	p.Event(reconcile.Event{Phase: reconcile.PhaseObserving, Database: "main"})
	p.Event(finished("acme", 1, 3, reconcile.Outcome{Result: reconcile.ResultApplied, Duration: 57 * time.Millisecond}))
	p.Event(finished("globex", 2, 3, reconcile.Outcome{Result: reconcile.ResultFailed, Error: "main.tenant_globex: ERROR: \x1b[2J\nno"}))
	p.Event(finished("hooli", 3, 3, reconcile.Outcome{Result: reconcile.ResultSkipped, Error: "stopped"}))
	p.Done()
	want := "applied tenant_acme (acme) in main, 57ms\n" +
		"failed tenant_globex (globex) in main: ERROR: \\x1b[2J\\nno\n" +
		"skipped tenant_hooli (hooli) in main: stopped\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestProgressOfALargeFleetIsALineATenth(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	p := NewProgress(&b, false, Style{})
	var group sync.WaitGroup
	for i := range 1_000 {
		group.Go(func() {
			o := reconcile.Outcome{Result: reconcile.ResultApplied}
			if i < 2 {
				o.Result = reconcile.ResultFailed
			}
			p.Event(finished(fmt.Sprint(i), i+1, 1_000, o))
		})
	}
	group.Wait()
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != 10 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	if want := "… 1,000 of 1,000 targets, 2 failed"; lines[9] != want {
		t.Errorf("got %q, want %q", lines[9], want)
	}
	if want := "… 300 of 1,000 targets"; !strings.HasPrefix(lines[2], want) {
		t.Errorf("got %q, want it to begin with %q", lines[2], want)
	}
}

func TestProgressOnATerminalIsOneLine(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	p := NewProgress(&b, true, Style{Width: 30})
	p.Event(reconcile.Event{Phase: reconcile.PhaseObserving, Database: "main"})
	p.Event(reconcile.Event{Phase: reconcile.PhaseObserving, Database: "main"})
	p.Event(finished("a\x1bcme", 1, 2_000, reconcile.Outcome{Result: reconcile.ResultApplied}))
	p.Done()
	p.Done()
	want := "\r\x1b[Kobserving main …" + "\r\x1b[K1 of 2,000 targets: tenant_a…" + "\r\x1b[K"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
