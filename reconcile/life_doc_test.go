package reconcile_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantry/reconcile"
)

// The documented table is the one that the code looks things up in. With
// $TENANTRY_TEST_UPDATE set it is written anew.
func TestTheDocumentedMachineIsTheOneInTheCode(t *testing.T) {
	t.Parallel()
	const path, begin, end = "../docs/life.md", "<!-- the machine -->\n", "<!-- end of the machine -->\n"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), begin)
	table, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the machine", path)
	}
	if os.Getenv("TENANTRY_TEST_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(before+begin+machine()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(machine(), table); diff != "" {
		t.Errorf("%s is not what the code does:\n%s", path, diff)
	}
}

// machine writes the moves as a table: a row for each standing, a column for
// each wish.
func machine() string {
	var b strings.Builder
	b.WriteString("| what is known |")
	for _, w := range reconcile.Wishes {
		fmt.Fprintf(&b, " %s |", w)
	}
	b.WriteString("\n|" + strings.Repeat("---|", len(reconcile.Wishes)+1) + "\n")
	for _, s := range reconcile.Standings {
		fmt.Fprintf(&b, "| %s |", s)
		for _, w := range reconcile.Wishes {
			for _, m := range reconcile.Moves {
				switch {
				case m.Standing != s || m.Wish != w:
				case m.Reason == "":
					fmt.Fprintf(&b, " %s |", m.Action)
				default:
					fmt.Fprintf(&b, " %s (%s) |", m.Action, strings.ReplaceAll(string(m.Reason), "_", " "))
				}
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}
