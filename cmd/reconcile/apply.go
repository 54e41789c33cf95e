package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"tenantry/internal/diag"
	"tenantry/reconcile"
)

func (a *app) applyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "apply PLAN.json", Short: "Applies a saved plan, refusing it where anything has moved since",
		Long: `apply carries out exactly the plan that a dry run saved:

  reconcile --dry-run --write json=plan.json
  reconcile apply plan.json

It plans again first. Where that gives another plan, because the files, a
target or a definition have moved since, it says what, applies nothing, and
exits 5. A plan file that was edited is refused.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("apply takes one plan, as reconcile --dry-run --write json=PATH saves it")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.applySaved(cmd.Context(), args[0]) },
	}
	a.applyFlags(cmd.Flags())
	return cmd
}

func (a *app) applySaved(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return usagef("cannot read the plan: %w", err)
	}
	defer file.Close()
	saved, err := reconcile.ReadPlan(file)
	if err != nil {
		var wrong diag.List
		wrong.Errorf(diag.Pos{File: path}, "unusable-plan", "%s", err)
		return wrong.Err()
	}
	o := &a.options
	if len(o.tenants)+len(o.excludes)+len(o.selectors) > 0 {
		return usagef("a saved plan says which tenants it is for; leave out --tenant, --exclude and --selector")
	}
	o.allowDestructive, o.adopt, o.repair = saved.Allowed.Destructive, saved.Allowed.Adopt, saved.Allowed.Repair
	if o.shard != "" {
		return usagef("a saved plan says which tenants it is for; leave out --shard")
	}
	o.shard = saved.Shard
	if saved.Partial {
		seen := make(map[string]bool)
		for _, t := range saved.Targets {
			if !t.Shared && !seen[t.Tenant] {
				seen[t.Tenant] = true
				o.tenants = append(o.tenants, t.Tenant)
			}
		}
	}
	return a.reconcile(ctx, saved)
}

// stale tells what has moved since a plan was saved, if anything has.
func (a *app) stale(saved, now *reconcile.Plan) error {
	moved := saved.Moved(now)
	if len(moved) == 0 {
		return nil
	}
	fmt.Fprintln(a.stderr, "reconcile: the plan is stale, and nothing of it was applied. What has moved since it was made:")
	const most = 20
	for i, line := range moved {
		if i == most {
			fmt.Fprintf(a.stderr, "  … and %d more\n", len(moved)-most)
			break
		}
		fmt.Fprintf(a.stderr, "  %s\n", line)
	}
	fmt.Fprintln(a.stderr, "hint: plan again with reconcile --dry-run --write json=PATH")
	return exitCode(exitStale)
}
