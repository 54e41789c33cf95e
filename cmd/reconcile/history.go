package main

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"tenantry/internal/report"
	"tenantry/reconcile"
)

func (a *app) historyCommand() *cobra.Command {
	limit := 20
	cmd := &cobra.Command{
		Use: "history [TENANT]", Short: "Shows past runs, or one tenant's changes with their SQL",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("history takes at most one tenant")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return usagef("--limit must be at least 1")
			}
			if len(args) == 0 {
				return a.runs(cmd.Context(), limit)
			}
			return a.changes(cmd.Context(), args[0], limit)
		},
	}
	cmd.Flags().IntVar(&limit, "limit", limit, "at most so many, the newest first")
	return cmd
}

func (a *app) runs(ctx context.Context, limit int) error {
	return a.inspect(ctx, func(w *world) error {
		runs := []reconcile.PastRun{}
		var lost error
		for _, name := range w.desired.Databases() {
			db, err := w.database(ctx, name)
			if err == nil {
				var of []reconcile.PastRun
				of, err = db.Runs(ctx, limit)
				runs = append(runs, of...)
			}
			lost = errors.Join(lost, err)
		}
		slices.SortStableFunc(runs, func(x, y reconcile.PastRun) int { return y.Started.Compare(x.Started) })
		runs = runs[:min(limit, len(runs))]
		if lost != nil && len(runs) == 0 {
			return lost
		}
		if a.options.output == "json" {
			return errors.Join(lost, writeJSON(a.stdout, map[string][]reconcile.PastRun{"runs": runs}))
		}
		return errors.Join(lost, report.Runs(a.stdout, runs, a.style()))
	})
}

// knows reports whether the files have a tenant or a shared service of that name.
func (w *world) knows(tenant string) bool {
	return slices.ContainsFunc(w.desired.Targets, func(t reconcile.Target) bool { return t.Tenant == tenant })
}

// changes shows the changes of a tenant, or of a shared service, which need not
// be in the file any more.
func (a *app) changes(ctx context.Context, tenant string, limit int) error {
	return a.inspect(ctx, func(w *world) error {
		changes := []reconcile.PastChange{}
		var lost error
		for _, name := range w.desired.Databases() {
			db, err := w.database(ctx, name)
			if err == nil {
				var of []reconcile.PastChange
				of, err = db.Changes(ctx, tenant, limit)
				changes = append(changes, of...)
			}
			lost = errors.Join(lost, err)
		}
		switch {
		case len(changes) > 0:
		case lost != nil:
			return lost
		case !w.knows(tenant):
			return usagef("there is no tenant or shared service %q in %s, and none was ever changed", tenant, a.options.file)
		}
		slices.SortStableFunc(changes, func(x, y reconcile.PastChange) int { return y.Applied.Compare(x.Applied) })
		changes = changes[:min(limit, len(changes))]
		if a.options.output == "json" {
			return errors.Join(lost, writeJSON(a.stdout, map[string][]reconcile.PastChange{"changes": changes}))
		}
		return errors.Join(lost, report.Changes(a.stdout, changes, a.style()))
	})
}
