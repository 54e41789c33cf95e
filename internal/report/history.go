package report

import (
	"bufio"
	"fmt"
	"io"

	"tenantry/reconcile"
)

// Runs writes past runs, a line each, the newest first.
func Runs(w io.Writer, runs []reconcile.PastRun, s Style) error {
	p := page{w: bufio.NewWriter(w), style: s}
	if len(runs) == 0 {
		p.say(0, plain, "", "Nothing was ever applied.")
	}
	for _, r := range runs {
		c, outcome := green, r.Outcome
		switch r.Outcome {
		case "failed":
			c = red
		case "":
			c, outcome = yellow, "not ended"
		}
		p.say(0, c, outcome, fmt.Sprintf("  %s  %s  %s changed  by %s%s in %s", when(&r.Started), r.ID, count(r.Changes, "schema"), r.By, commit(r.Revision), r.Database))
	}
	return p.w.Flush()
}

// Changes writes past changes with their SQL, the newest first.
func Changes(w io.Writer, changes []reconcile.PastChange, s Style) error {
	p := page{w: bufio.NewWriter(w), style: s}
	if len(changes) == 0 {
		p.say(0, plain, "", "Nothing was ever changed there.")
	}
	for _, c := range changes {
		p.gap()
		verb := "changed"
		if c.Base == "" {
			verb = "created"
		}
		p.say(0, bold, when(&c.Applied), fmt.Sprintf(": %s the schema %s of %s in %s, run %s by %s%s", verb, c.Schema, c.Tenant, c.Database, c.RunID, c.By, commit(c.Revision)))
		shown := c.Statements
		if len(shown) > manyStatements && !s.Verbose {
			shown = shown[:manyStatements]
		}
		for _, sql := range shown {
			p.code(4, plain, sql+";")
		}
		if rest := len(c.Statements) - len(shown); rest > 0 {
			p.say(4, dim, "", fmt.Sprintf("… and %s more (-v shows them)", count(rest, "statement")))
		}
		if s.Verbose && len(c.Reverse) > 0 {
			p.say(2, dim, "undone by", "")
			for _, sql := range c.Reverse {
				p.code(4, dim, sql+";")
			}
		}
	}
	return p.w.Flush()
}

// manyStatements is how many statements of a past change are shown.
const manyStatements = 12

func commit(revision string) string {
	if revision == "" {
		return ""
	}
	return " at commit " + revision[:min(len(revision), 12)]
}
