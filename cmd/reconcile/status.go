package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"tenantry/internal/report"
	"tenantry/reconcile"
)

func (a *app) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status [TENANT…]", Short: "Shows the fleet as it is: state, blueprint, last run, drift, last error",
		RunE: func(cmd *cobra.Command, tenants []string) error {
			a.options.tenants = append(a.options.tenants, tenants...)
			return a.status(cmd.Context())
		},
	}
	return cmd
}

func (a *app) status(ctx context.Context) error {
	return a.inspect(ctx, func(w *world) error {
		fleet, err := w.planner(nil).Status(ctx, w.desired)
		if err != nil {
			return err
		}
		if len(a.options.tenants) > 0 { // who asks for a tenant does not ask for the shared services
			fleet.Only(func(t *reconcile.TargetStatus) bool { return !t.Shared })
		}
		if a.options.output == "json" {
			err = writeJSON(a.stdout, fleet)
		} else {
			err = report.Status(a.stdout, fleet, a.style())
		}
		if err == nil && fleet.Summary[reconcile.StateUnreachable] > 0 {
			err = exitCode(exitFailed)
		}
		return err
	})
}

func (a *app) diffCommand() *cobra.Command {
	return &cobra.Command{
		Use: "diff TENANT", Short: "Explains one tenant: its live structure against its blueprint, object by object",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("diff takes one tenant")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.diff(cmd.Context(), args[0]) },
	}
}

// diff explains a tenant, or the shared service of that name.
func (a *app) diff(ctx context.Context, tenant string) error {
	if err := a.onlyShows(); err != nil {
		return err
	}
	w, err := a.load()
	if err != nil {
		return err
	}
	others := func(t reconcile.Target) bool { return t.Tenant != tenant }
	if w.desired.Targets = slices.DeleteFunc(w.desired.Targets, others); len(w.desired.Targets) == 0 {
		return usagef("%q is neither a tenant nor a shared service of %s", tenant, a.options.file)
	}
	return w.run(ctx, func(w *world) error {
		explained, err := w.planner(nil).Explain(ctx, w.desired)
		switch {
		case err != nil && len(explained) == 0:
			return err
		case a.options.output == "json":
			return errors.Join(err, writeJSON(a.stdout, map[string][]reconcile.Explanation{"targets": explained}))
		}
		return errors.Join(err, report.Explanations(a.stdout, explained, a.style()))
	})
}

// inspect is inWorld for commands that only show.
func (a *app) inspect(ctx context.Context, f func(*world) error) error {
	if err := a.onlyShows(); err != nil {
		return err
	}
	return a.inWorld(ctx, f)
}

// onlyShows checks the flags of commands that only show.
func (a *app) onlyShows() error {
	if o := a.options.output; o != "text" && o != "json" {
		return usagef("--output %s is for reconcile itself", o)
	}
	return nil
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
