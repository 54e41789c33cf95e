// Package report shows what is to be done, what was done, and what is wrong:
// plans and reports as text, JSON and SQL, diagnostics with the lines that they
// point at, and the progress of a run.
//
// Everything is a function of its arguments. No renderer reads a clock, a
// terminal or an environment variable, and none decides anything: what a report
// does not say is not shown. The same report gives the same bytes.
//
// What people have named may hold anything, an escape sequence included. None of
// it reaches a terminal as it is: text, diagnostics and progress show what does
// not print as \x1b. JSON has its own escapes. SQL is exact, because it is
// to be run, and only its comments are cleaned.
package report

import (
	"bufio"
	"io"

	"tenantry/reconcile"
)

// Style is how text is to look. The zero value suits a file.
type Style struct {
	Color   bool
	Width   int  // of the terminal, in columns; 0 where it is not known: then nothing is wrapped
	Verbose bool // show all of the SQL and all of the names
}

// Text writes a report for a person: what may not be done and what went wrong
// first, then the rest, then one line that sums it up. Targets that share a
// step are shown together, however many they are.
func Text(w io.Writer, r *reconcile.Report, s Style) error {
	buffered := bufio.NewWriter(w)
	t := text{page: page{w: buffered, style: s}, report: r, fleet: fleetOf(r.Plan)}
	t.blocks(blocksOf(r))
	t.leftAlone()
	t.orphans()
	t.ending()
	return buffered.Flush() // bufio keeps the first error
}

// text is the writing of one report.
type text struct {
	page
	report *reconcile.Report
	fleet  fleet
}
