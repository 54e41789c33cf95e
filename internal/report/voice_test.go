package report

import (
	"strings"
	"testing"
	"time"
)

func TestNumbersAreReadable(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 12345: "12,345", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestDurationsAreAsPreciseAsAnybodyWantsToKnow(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0ms", 57 * time.Millisecond: "57ms", 99600 * time.Microsecond: "0.1s", 412 * time.Millisecond: "0.4s",
		9960 * time.Millisecond: "10s", 59600 * time.Millisecond: "1m 0s", 125 * time.Second: "2m 5s", 2*time.Hour + 61*time.Second: "2h 1m",
	} {
		if got := took(d); got != want {
			t.Errorf("took(%s) = %s, want %s", d, got, want)
		}
	}
}

func TestListsOfNamesAreCut(t *testing.T) {
	t.Parallel()
	if got, want := names(strings.Fields("a b c d e f g h"), false), "a, b, c, d, e, f, g, h"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := names(strings.Fields("a b c d e f g h i"), false), "a, b, c, … and 6 more"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWrappingKeepsWords(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 50)
	got := strings.Join(wrap("some words and then "+long+" and 日本語 more of them to follow", 30, true), "|")
	if want := "some words and then|" + long + "|and 日本語 more of them to|follow"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
