// Command reconcile makes PostgreSQL equal to files: tenants.yaml says which
// tenants exist, Atlas HCL says what their schemas hold.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"tenantry/schema/atlascli"
)

func main() {
	atlascli.Become()
	os.Exit(realMain())
}

// realMain is main for tests too: it returns the exit code.
func realMain() int {
	signal.Ignore(syscall.SIGPIPE) // a reader that goes away is a failed write, not a death in the middle
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// run runs the command line and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr}
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	return a.exit(errors.Join(err, a.tools.close()))
}
