package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tenantry/internal/report"
	"tenantry/schema"
)

func (a *app) migrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "migrate", Short: "Writes migrations for services whose schemas come about by versioned files", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return usagef("migrate takes a subcommand: new or hash") },
	}
	create := &cobra.Command{
		Use: "new SERVICE NAME", Short: "Writes the migration that is missing between a service's files and its src",
		Long: `new compares what the files of a service's migration block make with what its src
says, and writes what is missing as a new file, in the format of the directory,
with atlas.sum where there is one. It changes nothing in a database.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("migrate new takes a service and a name, as: reconcile migrate new app add_ratings")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.inWorld(cmd.Context(), func(w *world) error { return a.writeMigration(cmd.Context(), w, args[0], args[1]) })
		},
	}
	hash := &cobra.Command{
		Use: "hash DIR", Short: "Writes atlas.sum anew, which vouches for the files of a directory in Atlas's format",
		Long: `hash is for files that were written or changed by hand. It says of them what
atlas migrate hash says, and changes nothing else.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("migrate hash takes a directory, as: reconcile migrate hash migrations/app")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if err := schema.Hash(args[0]); err != nil {
				return usagef("cannot write atlas.sum: %w", err)
			}
			_, err := fmt.Fprintf(a.stdout, "wrote %s\n", filepath.Join(args[0], "atlas.sum"))
			return err
		},
	}
	cmd.AddCommand(create, hash)
	return cmd
}

func (a *app) writeMigration(ctx context.Context, w *world, service, name string) error {
	s, ok := w.project.Service(service)
	if !ok {
		return usagef("there is no service %q in %s", service, a.projectPath())
	}
	missing, described, err := w.planner(nil).Missing(ctx, w.desired, service)
	switch {
	case err != nil:
		return err
	case s.Migrations == nil || !described:
		return usagef("service %q has no migration block beside a src that says what the files must come to", service)
	case len(missing) == 0:
		_, err := fmt.Fprintf(a.stdout, "Nothing is missing: the migrations of %s come to what its src says.\n", service)
		return err
	}
	paths, err := s.Migrations.Write(name, missing, time.Now())
	for _, p := range paths {
		fmt.Fprintf(a.stdout, "wrote %s (%s)\n", p, report.Count(len(missing), "statement"))
	}
	return err
}
