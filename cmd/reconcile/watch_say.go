package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"tenantry/internal/diag"
	"tenantry/internal/report"
	"tenantry/reconcile"
)

// show writes what came of a cycle: to stdout as text, or as one JSON document on
// a line, or as SQL.
func (l *watchLoop) show(trigger string, r *reconcile.Report) error {
	if r == nil {
		return nil
	}
	a, head := l.app, now()+" "+redacted(trigger)
	if a.options.output == "text" {
		return written(report.Cycle(a.stdout, head, r, a.style()))
	}
	a.say("%s: %s", head, report.CycleLine(r))
	return l.document(r)
}

func (l *watchLoop) document(r *reconcile.Report) error {
	var content bytes.Buffer
	if err := l.app.render(&content, l.app.options.output, r); err != nil {
		return err
	}
	if l.app.options.output == "json" {
		var line bytes.Buffer
		if err := json.Compact(&line, content.Bytes()); err != nil {
			return err
		}
		line.WriteByte('\n')
		content = line
	}
	_, err := l.app.stdout.Write(content.Bytes())
	return written(err)
}

// An outputError says that nobody reads what is written.
type outputError struct{ error }

func written(err error) error {
	if err == nil {
		return nil
	}
	return outputError{err}
}

// broken reports files that cannot be used. The databases stay as they are.
func (l *watchLoop) broken(trigger string, wrong diag.List) error {
	a := l.app
	wrong = redactedList(wrong)
	l.begun, l.failures, l.said = true, 0, ""
	l.line(trigger, report.Count(len(wrong), "error")+"; nothing was touched")
	if err := report.Diagnostics(a.stderr, wrong, readRedacted, a.style()); err != nil || a.options.output != "json" {
		return err
	}
	return l.document(reportOf(wrong))
}

// line writes the line of a cycle that has no report.
func (l *watchLoop) line(trigger, words string) {
	line := now() + " " + redacted(trigger) + ": " + strings.ReplaceAll(words, "\n", " ")
	if l.app.options.output == "text" {
		fmt.Fprintln(l.app.stdout, line)
	} else {
		l.app.say("%s", line)
	}
}

func now() string { return time.Now().Format(time.TimeOnly) }
