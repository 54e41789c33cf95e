package report

import (
	"cmp"
	"strings"
	"unicode/utf16"

	"tenantry/internal/diag"
	"tenantry/reconcile"
	"tenantry/schema"
)

// Findings returns what is wrong according to a report, in the form of
// diagnostics: what is wrong with the files, then for each group of targets that
// may not change, and each that failed, one at the place of its first target.
func Findings(r *reconcile.Report) diag.List {
	list := r.Plan.Notes()
	f := fleetOf(r.Plan)
	for _, b := range blocksOf(r) {
		if b.kind == blocked || b.kind == failed {
			list = append(list, diag.Diagnostic{Pos: b.position(), Severity: diag.Error, Code: b.code(), Message: b.finding(f)})
		}
	}
	return list
}

// code names the kind of a finding. It does not change.
func (b *block) code() string {
	if b.kind == blocked {
		return "blocked-" + strings.ReplaceAll(string(b.first().Reason), "_", "-")
	}
	for _, d := range b.first().Diagnostics {
		if d.Severity == diag.Error {
			return d.Code
		}
	}
	return "apply-failed"
}

// finding says what is wrong with the block's targets.
func (b *block) finding(f fleet) string {
	_, lead := b.lead()
	out := []string{lead + " " + b.verb() + " " + f.subject(b.targets, false)}
	if b.kind == failed {
		return strings.Join(append(out, b.cause()), "\n")
	}
	if b.step != nil {
		for _, message := range messages(b.step, schema.HazardDestructive) {
			out = append(out, destroysData+": "+message)
		}
		for _, line := range b.step.Unplanned {
			out = append(out, "unplanned: "+line)
		}
	}
	if why := cmp.Or(b.own(), b.why()); why != "" {
		out = append(out, why)
	}
	return strings.Join(out, "\n")
}

// Places tells how to name positions for another tool.
type Places struct {
	// Name returns what a file is called from the root of the repository.
	Name func(path string) string
	// Read reads a file, for its columns; nil where that cannot be done.
	Read func(path string) ([]byte, error)
	// Default is the file that findings without a place are shown at.
	Default string
}

// place returns where a position is: a line and a column are always there. The
// column counts UTF-16 code units, as the tools that read it do.
func (p Places) place(pos diag.Pos) diag.Pos {
	file := cmp.Or(pos.File, p.Default)
	out := diag.Pos{File: file, Line: max(pos.Line, 1), Column: max(pos.Column, 1)}
	if p.Name != nil {
		out.File = p.Name(file)
	}
	if p.Read == nil || pos.Column < 2 {
		return out
	}
	text, err := p.Read(file)
	if err != nil {
		return out
	}
	all := strings.Split(lineBreaks.Replace(strings.TrimPrefix(string(text), "\ufeff")), "\n")
	if out.Line <= len(all) {
		line := all[out.Line-1]
		out.Column = 1 + len(utf16.Encode([]rune(line[:min(pos.Column-1, len(line))])))
	}
	return out
}

// message returns a diagnostic's message with its hint. It may have several
// lines, and what does not print is shown by its number.
func message(d diag.Diagnostic) string {
	out := strings.Split(strings.TrimSpace(lineBreaks.Replace(d.Message)), "\n")
	for i := range out {
		out[i] = clean(out[i])
	}
	if d.Hint != "" {
		out[len(out)-1] += " (" + clean(d.Hint) + ")"
	}
	return strings.Join(out, "\n")
}
