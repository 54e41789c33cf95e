package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tenantry/internal/diag"
	"tenantry/internal/report"
	"tenantry/reconcile"
)

// reconcile plans and, unless it is a dry run, applies. saved is the plan that
// must come out, or nil.
func (a *app) reconcile(ctx context.Context, saved *reconcile.Plan) error {
	if err := a.checkWatch(); err != nil {
		return err
	}
	if a.options.watch {
		return a.watch(ctx)
	}
	writes, err := a.writes()
	if err != nil {
		return err
	}
	return a.inWorld(ctx, func(w *world) error {
		r, err := a.carryOut(ctx, w, saved)
		if r != nil {
			err = errors.Join(err, a.render(a.stdout, a.options.output, r))
			for _, to := range writes {
				err = errors.Join(err, a.writeFile(to, r))
			}
			a.annotate(report.Findings(r))
		}
		if err != nil {
			return err
		}
		return a.ending(ctx, r)
	})
}

// carryOut plans and applies, but a saved plan only where it still holds; the report may be there beside an error.
func (a *app) carryOut(ctx context.Context, w *world, saved *reconcile.Plan) (*reconcile.Report, error) {
	run := newRun(w.desired.Revision)
	progress := a.progress()
	defer progress.Done()
	planner := w.planner(progress.Event)
	plan, err := planner.Plan(ctx, w.desired)
	if err != nil {
		return nil, err
	}
	plan.Diagnostics = append(plan.Diagnostics, reconcile.Diagnostics(redactedList(w.problems))...)
	a.sayNotes(plan)
	if saved != nil {
		if err := a.stale(saved, plan); err != nil {
			return nil, err
		}
	}
	if a.options.dryRun {
		return &reconcile.Report{Plan: plan, Started: run.Started, Duration: time.Since(run.Started)}, nil
	}
	policy := w.desired.Policy
	applier := &reconcile.Applier{
		Verifier:  verifier,
		Databases: planner.Databases, Engine: planner.Engine.Version(), Destructive: policy.Destructive, Parallelism: policy.Parallelism,
		LockTimeout: policy.LockTimeout, Limits: w.desired.Limits, Awaited: w.desired.Awaited, Wait: a.options.shardWait, MaxFailures: policy.MaxFailures, Waves: w.desired.Waves, Progress: progress.Event, Now: time.Now,
	}
	return applier.Apply(ctx, plan, run)
}

// sayNotes says what a plan has to say as a whole, unless that was the last said.
func (a *app) sayNotes(plan *reconcile.Plan) {
	var notes strings.Builder
	report.Diagnostics(&notes, redactedList(plan.Notes()), nil, a.style())
	if said := notes.String(); said != a.notes {
		a.notes = said
		io.WriteString(a.stderr, said)
	}
}

// progress reports to stderr.
func (a *app) progress() *report.Progress {
	_, tty := terminal(a.stderr)
	silent := a.options.watch && !tty && !a.options.verbose // a watch has a line a cycle
	if a.options.quiet || a.options.logFormat == "json" || silent {
		return report.NewProgress(io.Discard, false, report.Style{})
	}
	return report.NewProgress(a.stderr, tty, a.style())
}

// ending turns a report into the command's exit code.
func (a *app) ending(ctx context.Context, r *reconcile.Report) error {
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted; every target is as it was or as it should be")
	case r.Failed() || r.Count(reconcile.ResultSkipped) > 0 || wrong(r.Plan.Diagnostics): // rows that are no tenants
		return exitCode(exitFailed)
	case r.Plan.Refused != "" || !r.DryRun() && r.Blocked():
		return exitCode(exitBlocked)
	case r.DryRun() && a.options.detailed && r.Plan.Changes():
		return exitCode(exitChanges)
	case r.DryRun() && r.Blocked():
		return exitCode(exitBlocked)
	}
	return nil
}

// A destination is a file that the result goes to as well.
type destination struct{ format, path string }

func (a *app) writes() ([]destination, error) {
	var out []destination
	for _, w := range a.options.write {
		format, path, ok := strings.Cut(w, "=")
		if !ok || path == "" {
			return nil, usagef("--write %q is not of the form format=path", w)
		}
		if err := oneOf("--write", format, outputs...); err != nil {
			return nil, err
		}
		out = append(out, destination{format, path})
	}
	return out, nil
}

func (a *app) writeFile(to destination, r *reconcile.Report) error {
	var content bytes.Buffer
	if err := a.render(&content, to.format, r); err != nil {
		return err
	}
	if err := a.write(to.path, content.Bytes()); err != nil {
		return fmt.Errorf("--write %s: %w", to.format, err)
	}
	return nil
}

func (a *app) render(w io.Writer, format string, r *reconcile.Report) error {
	switch format {
	case "json":
		return report.JSON(w, r)
	case "sql":
		return report.SQL(w, r)
	case "markdown":
		return report.Markdown(w, r, report.MarkdownOptions{Apply: a.apply})
	case "sarif":
		return report.SARIF(w, redactedList(report.Findings(r)), version(), a.places())
	}
	style := a.style()
	style.Color = style.Color && w == a.stdout
	return report.Text(w, r, style)
}

// reportOf returns the report of a run that came to nothing because the files are
// wrong.
func reportOf(wrong diag.List) *reconcile.Report {
	return &reconcile.Report{Plan: &reconcile.Plan{
		FormatVersion: reconcile.FormatVersion, ToolVersion: version(), Steps: []reconcile.Step{}, Targets: []reconcile.PlannedTarget{},
		Diagnostics: reconcile.Diagnostics(wrong),
	}}
}

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// wrong reports whether any of the diagnostics is more than a warning.
func wrong(found []reconcile.Diagnostic) bool {
	return slices.ContainsFunc(found, func(d reconcile.Diagnostic) bool { return d.Severity == diag.Error })
}
