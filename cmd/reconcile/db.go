package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) dbCommand() *cobra.Command {
	return &cobra.Command{
		Use: "db", Short: "Runs the embedded PostgreSQL in the foreground and prints its URL", Args: cobra.NoArgs,
		Long: "db keeps the embedded PostgreSQL up, with its data in .tenantry/ beside the tenants file, until it is interrupted.\nIts URL goes to stdout; it holds the password.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			server, err := a.startEmbedded(cmd.Context())
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(a.stdout, server.URL()); err != nil {
				return err
			}
			a.say("PostgreSQL %s is up; Ctrl-C stops it", server.Version())
			<-cmd.Context().Done()
			return server.Close()
		},
	}
}
