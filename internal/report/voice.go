package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tenantry/reconcile"
)

// The voice of the output.
//
// It speaks to a colleague who is about to decide something: short sentences,
// the verb first, the thing by its name, the number before the list. A dry run
// uses the verb's plain form (create 3 tenants), an apply its past (created 3
// tenants).
//
// Danger and failure come first, and are said in words: colour only repeats
// what the words say. An obstacle comes with the way around it, as a flag or a
// file that can be typed. What is left alone is said to be left alone.
//
// Nothing is said twice that holds for many: one block a step, the SQL once.
// A list is cut where nobody would read on, and says how much was left out.
// There is no "please", no "successfully", and no exclamation mark.

const (
	deniedByPolicy = "denied by policy.destructive; allow with --allow-destructive"
	neverManaged   = "exists and was never managed: take it over with --adopt"
	takenOver      = "existed and was never managed: it is taken over"
	partialNote    = "Only some of the tenants were asked for (--tenant, --exclude, --selector or --shard)."
	destroysData   = "destroys data"
	dependsOnData  = "depends on data"
	verboseHint    = "-v shows the SQL"
)

// count says how many of something there are: "1 tenant", "1,000 tenants".
func count(n int, one string) string { return thousands(n) + " " + plural(n, one) }

// plural returns the word for n things. Only regular words are used here.
func plural(n int, one string) string {
	switch {
	case n == 1:
		return one
	case strings.HasSuffix(one, "x"):
		return one + "es"
	case strings.HasSuffix(one, "cy"):
		return strings.TrimSuffix(one, "y") + "ies"
	}
	return one + "s"
}

// thousands writes a number with separators, as 12,345.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

const (
	allNames  = 8 // as many names are given in full
	someNames = 3 // of more, so many
)

// names lists names, the first few where they are many.
func names(all []string, verbose bool) string {
	if verbose || len(all) <= allNames {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s, … and %s more", strings.Join(all[:someNames], ", "), thousands(len(all)-someNames))
}

// past turns the verb of an action into its past: "create" into "created".
func past(verb string) string {
	if verb == string(reconcile.ActionForget) {
		return "forgot"
	}
	if strings.HasSuffix(verb, "e") {
		return verb + "d"
	}
	return verb + "ed"
}

// took says how long something took, as precisely as anybody wants to know.
func took(d time.Duration) string {
	switch {
	case d < 99500*time.Microsecond:
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + "ms"
	case d < 9950*time.Millisecond:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	case d < 59500*time.Millisecond:
		return strconv.FormatFloat(d.Seconds(), 'f', 0, 64) + "s"
	}
	d = d.Round(time.Second)
	if d < time.Hour {
		return fmt.Sprintf("%dm %ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%dh %dm", d/time.Hour, d%time.Hour/time.Minute)
}
