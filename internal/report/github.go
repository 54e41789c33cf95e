package report

import (
	"bufio"
	"io"
	"slices"
	"strconv"
	"strings"

	"tenantry/internal/diag"
)

// manyAnnotations is how many annotations are written. GitHub shows no more
// errors of one step than these.
const manyAnnotations = 10

// GitHub writes findings as commands to a runner of GitHub Actions, which shows
// them at their lines of a pull request. Errors go first. Where there are too
// many, the last one says how many are not shown.
//
// The form is that of https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
func GitHub(w io.Writer, findings diag.List, p Places) error {
	buffered := bufio.NewWriter(w)
	ordered := slices.Clone(findings)
	slices.SortStableFunc(ordered, func(a, b diag.Diagnostic) int { return annotationOrder(a) - annotationOrder(b) })
	for i, d := range ordered {
		left := len(ordered) - manyAnnotations
		if last := i == manyAnnotations-1; last && left > 0 {
			buffered.WriteString(annotation(d, p, "\n… and "+thousands(left)+" more: see the log of this step"))
			break
		}
		buffered.WriteString(annotation(d, p, ""))
	}
	return buffered.Flush() // bufio keeps the first error
}

func annotationOrder(d diag.Diagnostic) int { return one(d.Severity != diag.Error) }

// annotation is a command of one line.
func annotation(d diag.Diagnostic, p Places, more string) string {
	command := "error"
	if d.Severity != diag.Error {
		command = "warning"
	}
	at := p.place(d.Pos)
	return "::" + command + " file=" + commandProperty.Replace(clean(at.File)) + ",line=" + strconv.Itoa(at.Line) + ",col=" + strconv.Itoa(at.Column) +
		",title=" + commandProperty.Replace(clean(d.Code)) + "::" + commandData.Replace(message(d)+more) + "\n"
}

// What would end a command's data, or one of its properties, and how the runner
// wants it written.
var (
	commandData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
