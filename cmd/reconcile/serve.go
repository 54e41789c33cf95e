package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tenantry/internal/loop"
	"tenantry/internal/runbook"
)

// serveOptions are the flags of serve.
type serveOptions struct {
	listen   string
	prefix   string
	readOnly bool
	resync   time.Duration
	lease    time.Duration
}

func (a *app) serveCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use: "serve", Short: "Keeps the fleet reconciled, and serves an HTTP API to provision and inspect tenants", Args: cobra.NoArgs,
		Long: `serve keeps the databases equal to the files for as long as it runs, and
serves the runbook: an HTTP API to provision and inspect tenants.

It applies when it starts, whenever a file that it read changes, whenever a
table that tenants.yaml names as a source tells of a change, and at an
interval. Several may run at once: one of them does the work, and another takes
over where it is gone.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), o) },
	}
	o.flags(cmd.Flags())
	return cmd
}

func (o *serveOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.listen, "listen", "127.0.0.1:8250", "the `address` to listen on")
	f.StringVar(&o.prefix, "prefix", "", "the `path` before all others, where a proxy hands one on")
	f.BoolVar(&o.readOnly, "read-only", false, "change nothing: neither files nor databases")
	f.DurationVar(&o.resync, "resync", loop.DefaultResync, "look at the whole fleet so often")
	f.DurationVar(&o.lease, "lease", loop.DefaultLease, "how long a replica that is gone keeps the others waiting")
}

// serve works until the context ends.
func (a *app) serve(ctx context.Context, o serveOptions) (err error) {
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return usagef("cannot listen on %s: %w", o.listen, err)
	}
	src := &source{session: a.newSession()}
	src.remote = true
	defer func() { err = errors.Join(err, src.close()) }()
	l := loop.New(src, a.loopOptions(o))
	server := &http.Server{
		Handler: runbook.New(runbook.Options{
			Fleet: l, Redact: redacted, Log: a.log, Version: version(), ReadOnly: o.readOnly, Prefix: o.prefix, Now: time.Now,
		}).Handler(),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
	}
	a.say("listening on http://%s%s", listener.Addr(), o.prefix)
	return a.runServer(ctx, server, listener, l)
}

// runServer runs both the server and the loop. When the context ends, requests
// that are under way are answered first.
func (a *app) runServer(ctx context.Context, server *http.Server, listener net.Listener, l *loop.Loop) error {
	looping, stopLoop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() { l.Run(looping); close(ended) }()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		patience, cancel := context.WithTimeout(looping, 20*time.Second)
		defer cancel()
		if err = server.Shutdown(patience); err != nil {
			err = errors.Join(err, server.Close())
		}
	}
	stopLoop()
	<-ended
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

func (a *app) loopOptions(o serveOptions) loop.Options {
	host, _ := os.Hostname() // without one, the process id and the nonce are still unique
	return loop.Options{
		Holder: fmt.Sprintf("%s-%d-%s", host, os.Getpid(), nonce()[:6]), NewRun: newRun, Diagnosed: diagnosed, Resync: o.resync, Lease: o.lease,
		ReadOnly: o.readOnly, Log: a.log, Redact: redacted, Now: time.Now,
		Jitter: func(d time.Duration) time.Duration { return d*9/10 + rand.N(d/5+1) },
	}
}
