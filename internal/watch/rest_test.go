package watch

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// usual is what the command waits; in these tests no time passes.
var usual = Options{Rest: 200 * time.Millisecond, AtMost: 10 * time.Second, Reread: 3 * time.Minute}

// A bubble is a watch of a.hcl in which only the test makes time pass and only
// the test tells of events.
type bubble struct {
	folder
	w       *Watcher
	changes chan Change
}

func inBubble(t *testing.T, o Options, test func(b *bubble)) {
	dir := newFolder(t)
	dir.write("a.hcl", "0")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		b := &bubble{folder: folder{t, dir.dir}, w: newWatcher(o), changes: make(chan Change, 9)}
		b.w.Set([]string{b.path("a.hcl")})
		go func() {
			for {
				change, err := b.w.Next(ctx)
				if err != nil {
					return
				}
				b.changes <- change
			}
		}()
		synctest.Wait()
		test(b)
	})
}

// save writes the file and tells so.
func (b *bubble) save(text string) {
	b.write("a.hcl", text)
	b.event()
}

func (b *bubble) event() {
	b.w.wake <- struct{}{}
	synctest.Wait()
}

// after lets time pass. Then there must have been so many changes in it.
func (b *bubble) after(d time.Duration, changes int) {
	b.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	if got := len(b.changes); got != changes {
		b.t.Fatalf("%d changes, not %d", got, changes)
	}
	for range changes {
		<-b.changes
	}
}

func TestRest(t *testing.T) {
	inBubble(t, usual, func(b *bubble) {
		b.save("1")
		b.after(199*time.Millisecond, 0)
		b.after(2*time.Millisecond, 1)
		b.after(time.Hour, 0)
	})
}

func TestRestBeginsAnewWithEachChange(t *testing.T) {
	inBubble(t, usual, func(b *bubble) {
		for i := range 20 {
			b.save(fmt.Sprint("text ", i))
			b.after(150*time.Millisecond, 0)
		}
		b.after(51*time.Millisecond, 1)
	})
}

func TestRestIsNotDisturbedByOthers(t *testing.T) {
	inBubble(t, usual, func(b *bubble) {
		b.save("1")
		for range 9 {
			b.after(20*time.Millisecond, 0)
			b.event() // a log beside it grows
		}
		b.after(21*time.Millisecond, 1)
	})
}

func TestAtMost(t *testing.T) {
	inBubble(t, usual, func(b *bubble) {
		for i := range 66 {
			b.save(fmt.Sprint("text ", i))
			b.after(150*time.Millisecond, 0)
		}
		b.save("and on")
		b.after(150*time.Millisecond, 1)
	})
}

func TestWhatComesBackIsNoChange(t *testing.T) {
	inBubble(t, usual, func(b *bubble) {
		b.save("1")
		b.after(100*time.Millisecond, 0)
		b.save("0")
		b.after(time.Hour, 0)
		b.remove("a.hcl")
		b.event()
		b.after(100*time.Millisecond, 0)
		b.save("0")
		b.after(time.Hour, 0)
	})
}

func TestRereadsAllTheSame(t *testing.T) {
	inBubble(t, usual, func(b *bubble) {
		b.write("a.hcl", "1") // and no event
		b.after(usual.Reread-time.Millisecond, 0)
		b.after(usual.Rest+2*time.Millisecond, 1)
	})
}

func TestPolls(t *testing.T) {
	o := usual
	o.Poll = 2 * time.Second
	inBubble(t, o, func(b *bubble) {
		b.write("a.hcl", "1")
		b.after(2*time.Second+199*time.Millisecond, 0)
		b.after(2*time.Millisecond, 1)
		b.after(time.Hour, 0)
	})
}

// A Next that was called off has reported nothing.
func TestNothingIsLostWhereNextIsCalledOff(t *testing.T) {
	f := newFolder(t)
	w := f.watch(quick, "a.hcl")
	f.write("a.hcl", "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	f.next(w, "a.hcl")
}

func TestChangeSaysWhat(t *testing.T) {
	for want, files := range map[string][]string{
		"nothing changed":             nil,
		"a changed":                   {"a"},
		"a and b changed":             {"a", "b"},
		"a and 3 other files changed": {"a", "b", "c", "d"},
	} {
		if got := (Change{Files: files}).String(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
