package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"tenantry/internal/diag"
	"tenantry/schema"
)

// An Answer is what a target's rows say to a question: a query for one boolean.
type Answer string

const (
	AnswerYes     Answer = "yes"
	AnswerNo      Answer = "no"
	AnswerRefused Answer = "refused" // a value does not stand the conversion that was tried
	AnswerUnknown Answer = "unknown" // it may not be asked, or takes too long
)

// asked is what a target's rows have to say about its class's plan.
type asked struct {
	rows  bool            // the tables that the online form is for hold some
	fails []schema.Hazard // what would fail
}

// ask asks the rows of the targets whose plan depends on them: a few targets at
// once, one round trip each. Those of other classes are not asked anything.
func (d *databasePlanner) ask(ctx context.Context, classes []*class) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(d.parallelism())
	for _, c := range classes {
		questions, hazards := c.questions()
		c.asked = make([]asked, len(c.changes))
		if len(questions) == 0 {
			continue
		}
		for i, change := range c.changes {
			group.Go(func() error {
				answers, err := d.db.Ask(ctx, change.At, questions)
				if err == nil {
					c.asked[i] = c.judge(answers, hazards)
				}
				return err
			})
		}
	}
	return group.Wait()
}

// questions returns what to ask of each target: if its tables hold rows, where
// that matters, and then the probes, with the hazards that they belong to.
func (c *class) questions() (questions []string, hazards []schema.Hazard) {
	if c.err != nil || c.step.From == "" {
		return nil, nil
	}
	if c.online != nil {
		var exist []string
		for _, table := range c.onlineFor {
			exist = append(exist, "EXISTS (SELECT FROM "+table+")")
		}
		questions = append(questions, "SELECT "+strings.Join(exist, " OR "))
	}
	for _, s := range c.step.Statements {
		for _, h := range s.Hazards {
			if h.Probe != "" && !slices.Contains(questions, h.Probe) {
				questions, hazards = append(questions, h.Probe), append(hazards, h)
			}
		}
	}
	return questions, hazards
}

// judge reads the answers. Where nobody knows if there are rows, there may be;
// where nobody knows if a statement fails, it is tried.
func (c *class) judge(answers []Answer, hazards []schema.Hazard) (out asked) {
	if c.online != nil {
		out.rows = answers[0] != AnswerNo
		answers = answers[1:]
	}
	for i, h := range hazards {
		if answers[i] == AnswerYes || answers[i] == AnswerRefused {
			out.fails = append(out.fails, h)
		}
	}
	return out
}

// foresee notes on a target what its rows do not allow.
func (t *PlannedTarget) foresee(fails []schema.Hazard) {
	if t.Action != ActionChange {
		return
	}
	for _, h := range fails {
		t.fails = append(t.fails, h.Fails)
		t.Diagnostics = append(t.Diagnostics, Diagnostic{Severity: diag.Warning, Code: "would-fail", Message: "would fail here: " + h.Fails, Hint: h.Alternative})
	}
}

// A WouldFailError says that a target's rows do not allow a step, which was not
// tried.
type WouldFailError struct {
	Key     Key
	Reasons []string // what PostgreSQL would say
}

func (e *WouldFailError) Error() string {
	return fmt.Sprintf("%s: its rows do not allow it, so it was left alone: %s", e.Key, strings.Join(e.Reasons, "; "))
}
