package main

import (
	"github.com/spf13/cobra"

	"tenantry/reconcile"
	"tenantry/state"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema [tenants|plan]", Short: "Prints the JSON Schema of tenants.yaml, or of a plan",
		Long: `schema prints the JSON Schema (draft 2020-12) of tenants.yaml, by which editors
complete and explain the file. Those with the YAML language server look for it
in a comment at the top of the file:

  # yaml-language-server: $schema=./tenants.schema.json

Of "plan" it prints that of the document which -o json and --write json=PATH
write, for programs that read it.`,
		Example:   "  reconcile schema > tenants.schema.json\n  reconcile schema plan > plan.schema.json",
		ValidArgs: []cobra.Completion{"tenants", "plan"},
		RunE: func(_ *cobra.Command, args []string) error {
			document := state.JSONSchema
			switch {
			case len(args) > 1 || len(args) == 1 && args[0] != "tenants" && args[0] != "plan":
				return usagef("schema takes tenants or plan")
			case len(args) == 1 && args[0] == "plan":
				document = reconcile.PlanSchema
			}
			_, err := a.stdout.Write(document())
			return err
		},
	}
}
