package reconcile

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// ReadPlan reads a saved plan. It refuses one of a major version that it does
// not know, and one that was edited: what a plan says is bound to its id.
func ReadPlan(r io.Reader) (*Plan, error) {
	p := new(Plan)
	if err := json.NewDecoder(r).Decode(p); err != nil {
		return nil, fmt.Errorf("it is not a plan: %w", err)
	}
	major, _, _ := strings.Cut(p.FormatVersion, ".")
	if ours, _, _ := strings.Cut(FormatVersion, "."); major != ours {
		return nil, fmt.Errorf("its format_version is %q, and this reconcile reads %s", p.FormatVersion, FormatVersion)
	}
	for i := range p.Steps {
		id := p.Steps[i].ID
		if p.Steps[i].identify(); p.Steps[i].ID != id {
			return nil, fmt.Errorf("its step %s was edited: plan again instead", id)
		}
	}
	id := p.ID
	if p.finish(); p.ID != id {
		return nil, fmt.Errorf("it was edited after it was made as %s: plan again instead", id)
	}
	return p, nil
}

// Moved says what keeps a saved plan from being what would be planned now, a
// line each; nothing where the two are the same.
func (p *Plan) Moved(now *Plan) []string {
	if p.ID == now.ID {
		return nil
	}
	var out []string
	if p.Desired.Digest != now.Desired.Digest {
		out = append(out, "the files: the definitions or the tenants are not those that the plan was made from")
	}
	before := make(map[Key]*PlannedTarget, len(p.Targets))
	for i := range p.Targets {
		before[p.Targets[i].Key()] = &p.Targets[i]
	}
	for i := range now.Targets {
		t := &now.Targets[i]
		was, ok := before[t.Key()]
		delete(before, t.Key())
		if line := p.moved(was, now, t); !ok {
			out = append(out, fmt.Sprintf("%s: not in the plan; now: %s", t.Key(), sayAction(t)))
		} else if line != "" {
			out = append(out, line)
		}
	}
	for i := range p.Targets {
		if t := &p.Targets[i]; before[t.Key()] != nil {
			out = append(out, fmt.Sprintf("%s: in the plan (%s), and there no more", t.Key(), sayAction(t)))
		}
	}
	if out == nil {
		out = append(out, "the order in which its targets go")
	}
	return out
}

// moved says how a target differs from what was planned for it.
func (p *Plan) moved(was *PlannedTarget, now *Plan, t *PlannedTarget) string {
	if was == nil || was.Step == t.Step && was.Action == t.Action && was.Reason == t.Reason {
		return ""
	}
	if was.Action != t.Action || was.Reason != t.Reason {
		return fmt.Sprintf("%s: planned: %s; now: %s", t.Key(), sayAction(was), sayAction(t))
	}
	before, after := p.StepOf(was), now.StepOf(t)
	if before != nil && after != nil && before.From != after.From {
		return fmt.Sprintf("%s: its structure has changed since it was planned for", t.Key())
	}
	return fmt.Sprintf("%s: other statements would be planned now", t.Key())
}

func sayAction(t *PlannedTarget) string {
	if t.Reason == "" {
		return string(t.Action)
	}
	return string(t.Action) + ", " + strings.ReplaceAll(string(t.Reason), "_", " ")
}
