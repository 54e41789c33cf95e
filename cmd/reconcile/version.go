package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is set by the linker: -ldflags "-X main.release=v1.2.3".
var release string

// version is the release, else what Go recorded of the build.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Prints the version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.openEngine(cmd.Context()); err != nil {
				return err
			}
			_, err := fmt.Fprintf(a.stdout, "reconcile %s (%s, %s/%s), engine %s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, a.tools.engine.Version())
			return err
		},
	}
}
