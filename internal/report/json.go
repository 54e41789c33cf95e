package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"

	"tenantry/reconcile"
	"tenantry/schema"
)

// JSON writes the plan's document, with the run's id and the outcome of every
// target where it was applied; reconcile/plan.schema.json describes it. It is
// written item by item, so that a large fleet's is never in memory as a whole.
// Lists are never null.
func JSON(w io.Writer, r *reconcile.Report) error {
	p := r.Plan
	d := document{w: bufio.NewWriter(w)}
	d.field("format_version", p.FormatVersion)
	d.field("tool_version", p.ToolVersion)
	d.field("plan_id", p.ID)
	if !r.DryRun() {
		d.field("run_id", r.RunID)
	}
	d.field("partial", p.Partial)
	if p.Shard != "" {
		d.field("shard", p.Shard)
	}
	d.field("allowed", p.Allowed)
	d.field("desired", p.Desired)
	d.field("summary", p.Summary)
	d.list("steps", len(p.Steps), func(i int) any { return stepDocument(p.Steps[i]) })
	d.list("targets", len(p.Targets), func(i int) any { return targetDocument(r, i) })
	if p.Refused != "" {
		d.field("refused", p.Refused)
	}
	d.list("diagnostics", len(p.Diagnostics), func(i int) any { return p.Diagnostics[i] })
	return d.end()
}

// planned is a PlannedTarget without its methods.
type planned reconcile.PlannedTarget

// outcome is what an apply adds to a target.
type outcome struct {
	planned
	Outcome    reconcile.Result `json:"outcome"`
	DurationMS int64            `json:"duration_ms"`
	Error      string           `json:"error,omitempty"`
}

func targetDocument(r *reconcile.Report, i int) any {
	t := planned(r.Plan.Targets[i])
	t.Drift, t.Diagnostics = filled(t.Drift), filled(t.Diagnostics)
	if r.DryRun() {
		return t
	}
	o := outcomeOf(r, i)
	return outcome{planned: t, Outcome: o.Result, DurationMS: o.Duration.Milliseconds(), Error: o.Error}
}

func stepDocument(s reconcile.Step) reconcile.Step {
	statements := make([]schema.Statement, len(s.Statements))
	for i, stmt := range s.Statements {
		stmt.Hazards = filled(stmt.Hazards)
		statements[i] = stmt
	}
	s.Statements = statements
	s.Unplanned, s.Kept, s.Unmanaged = filled(s.Unplanned), filled(s.Kept), filled(s.Unmanaged)
	return s
}

// filled returns the list, or an empty one where there is none.
func filled[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

const jsonIndent = "  "

// document writes a JSON object field by field. It stops at the first error.
type document struct {
	w     *bufio.Writer
	begun bool
	err   error
}

func (d *document) field(name string, value any) {
	d.name(name)
	d.value(jsonIndent, value)
}

func (d *document) list(name string, n int, item func(int) any) {
	d.name(name)
	d.w.WriteByte('[')
	for i := range n {
		if i > 0 {
			d.w.WriteByte(',')
		}
		d.w.WriteString("\n" + jsonIndent + jsonIndent)
		d.value(jsonIndent+jsonIndent, item(i))
	}
	if n > 0 {
		d.w.WriteString("\n" + jsonIndent)
	}
	d.w.WriteByte(']')
}

func (d *document) name(name string) {
	open := ",\n"
	if !d.begun {
		open = "{\n"
	}
	d.begun = true
	d.w.WriteString(open + jsonIndent + `"` + name + `": `)
}

func (d *document) value(indent string, value any) {
	if d.err != nil {
		return
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent(indent, jsonIndent)
	d.err = encoder.Encode(value)
	d.w.Write(bytes.TrimRight(b.Bytes(), "\n"))
}

func (d *document) end() error {
	d.w.WriteString("\n}\n")
	if err := d.w.Flush(); err != nil {
		return err
	}
	return d.err
}
