package main

import (
	"github.com/spf13/cobra"

	"tenantry/state"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Prints the JSON Schema of tenants.yaml", Args: cobra.NoArgs,
		Long: `schema prints the JSON Schema (draft 2020-12) of tenants.yaml, by which editors
complete and explain the file. Those with the YAML language server look for it
in a comment at the top of the file:

  # yaml-language-server: $schema=./tenants.schema.json`,
		Example: "  reconcile schema > tenants.schema.json",
		RunE: func(*cobra.Command, []string) error {
			_, err := a.stdout.Write(state.JSONSchema())
			return err
		},
	}
}
