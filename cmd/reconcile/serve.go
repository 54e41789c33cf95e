package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tenantry/internal/loop"
	"tenantry/internal/runbook"
	"tenantry/internal/runbook/ui"
	"tenantry/internal/tracing"
)

// serveOptions are the flags of serve.
type serveOptions struct {
	listen    string
	prefix    string
	readOnly  bool
	resync    time.Duration
	lease     time.Duration
	pending   int
	rate      float64
	metrics   string // address
	perTenant bool
	access    accessOptions
	git       gitOptions
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
	o.access.flags(cmd.Flags())
	o.git.flags(cmd.Flags())
	a.policyFlags(cmd.Flags())
	return cmd
}

func (o *serveOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.listen, "listen", "127.0.0.1:8250", "the `address` to listen on")
	f.StringVar(&o.prefix, "prefix", "", "the `path` before all others, where a proxy hands one on")
	f.BoolVar(&o.readOnly, "read-only", false, "change nothing: neither files nor databases")
	f.DurationVar(&o.resync, "resync", loop.DefaultResync, "look at the whole fleet so often")
	f.DurationVar(&o.lease, "lease", loop.DefaultLease, "how long a replica that is gone keeps the others waiting")
	f.StringVar(&o.metrics, "metrics-listen", "", "an `address` for /metrics alone, which asks nobody who they are; else they are at --listen")
	f.BoolVar(&o.perTenant, "metrics-per-tenant", false, "a metric for each tenant's state")
	f.IntVar(&o.pending, "max-pending", runbook.DefaultLimits.Pending, "how many tenants may have been accepted and not be ready; more are told to come back")
	f.Float64Var(&o.rate, "rate-limit", runbook.DefaultLimits.Rate, "how many requests a second one address may send")
}

// serve works until the context ends.
func (a *app) serve(ctx context.Context, o serveOptions) (err error) {
	if err := cmp.Or(o.check(), a.wholeFleet()); err != nil {
		return err
	}
	access, err := o.access.access(o.listen)
	if err != nil {
		return err
	}
	stopTracing, err := tracing.Start(ctx, version())
	if err != nil {
		return err
	}
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := stopTracing(last); err != nil {
			a.log.Warn("the last traces were not sent", "error", redacted(err.Error()))
		}
	}()
	src := a.newSource()
	src.remote, src.spare = true, spareConnections
	defer func() { err = errors.Join(err, src.close()) }()
	metrics := runbook.NewMetrics(version())
	loopOptions := a.loopOptions(o)
	loopOptions.Watch = metrics.Event
	l := loop.New(src, loopOptions)
	metrics.Observe(l, o.perTenant)
	options := runbook.Options{
		Fleet: l, Audit: &audit{loop: l}, Access: access, Redact: redacted, Log: a.log, Version: version(), ReadOnly: o.readOnly, Prefix: o.prefix, Now: time.Now,
		Metrics: metrics, Limits: runbook.Limits{Pending: o.pending, Rate: o.rate, Burst: int(2*o.rate) + 1},
	}
	options.Pages = func(api http.Handler) http.Handler {
		return ui.New(api, ui.Options{Prefix: o.prefix, Now: time.Now, Observation: l.Observation})
	}
	if !o.readOnly {
		if options.Writer, err = a.writer(ctx, src, o.git); err != nil {
			return err
		}
	}
	listener, err := o.listener()
	if err != nil {
		return err
	}
	if o.metrics != "" {
		stop, err := a.serveMetrics(o.metrics, metrics)
		if err != nil {
			return err
		}
		defer stop()
	}
	a.say("listening on %s://%s%s", o.scheme(), listener.Addr(), o.prefix)
	return a.runServer(ctx, runbook.New(options), listener, l)
}

// spareConnections are those that a database has beside what a run uses: for
// requests that read, the audit, the lease and the sources.
const spareConnections = 6

func (o *serveOptions) check() error {
	switch {
	case o.prefix != "" && (!strings.HasPrefix(o.prefix, "/") || strings.HasSuffix(o.prefix, "/") || path.Clean(o.prefix) != o.prefix):
		return usagef("--prefix %q is not a path such as /tenantry", o.prefix)
	case o.resync < time.Second:
		return usagef("--resync must be at least 1s")
	case o.lease < time.Second:
		return usagef("--lease must be at least 1s")
	case o.pending < 1 || o.rate <= 0:
		return usagef("--max-pending and --rate-limit must be positive")
	}
	return o.git.check()
}

// wholeFleet refuses flags that leave tenants out. One replica at a time brings
// about changes, so what another one has left out, nobody would look after.
func (a *app) wholeFleet() error {
	o := &a.options
	flag := ""
	switch {
	case o.shard != "":
		flag = "--shard"
	case len(o.tenants) > 0:
		flag = "--tenant"
	case len(o.excludes) > 0:
		flag = "--exclude"
	case len(o.selectors) > 0:
		flag = "--selector"
	default:
		return nil
	}
	return usagef("serve keeps all tenants of the file: %s is for runs that end (start it several times without: one does the work, and another takes over)", flag)
}

func (o *serveOptions) scheme() string {
	if o.access.cert != "" {
		return "https"
	}
	return "http"
}

// listener listens, with TLS where there is a certificate.
func (o *serveOptions) listener() (net.Listener, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if o.access.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.access.cert, o.access.key)
		if err != nil {
			return nil, usagef("--tls-cert: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return nil, usagef("cannot listen on %s: %w", o.listen, err)
	}
	if config.Certificates != nil {
		listener = tls.NewListener(listener, config)
	}
	return listener, nil
}

// serveMetrics serves the metrics at an address of their own.
func (a *app) serveMetrics(address string, metrics *runbook.Metrics) (stop func(), err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, usagef("--metrics-listen %s: %w", address, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics.Handler())
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10}
	go server.Serve(listener) // until it is closed
	a.say("metrics on http://%s/metrics", listener.Addr())
	return func() { server.Close() }, nil
}

// runServer runs both the server and the loop. When the context ends, requests
// that are under way are answered first.
func (a *app) runServer(ctx context.Context, handler *runbook.Server, listener net.Listener, l *loop.Loop) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	looping, stopLoop := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoop()
	ended := make(chan struct{})
	go func() { l.Run(looping); close(ended) }()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		a.say("stopping: requests that are under way are answered first")
		err = shutdown(server, handler)
	}
	stopLoop()
	<-ended
	return err
}

// shutdown takes no new requests and waits for those under way: first until they
// have come to their end by themselves, then with those that only wait told how
// far they are.
func shutdown(server *http.Server, handler *runbook.Server) error {
	patience, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	defer cancel()
	impatience := time.AfterFunc(5*time.Second, handler.Stop)
	server.RegisterOnShutdown(handler.StopStreams)
	err := server.Shutdown(patience)
	if impatience.Stop() {
		handler.Stop()
	}
	if err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}

func (a *app) loopOptions(o serveOptions) loop.Options {
	host, _ := os.Hostname() // without one, the process id and the nonce are still unique
	return loop.Options{
		Holder: fmt.Sprintf("%s-%d-%s", host, os.Getpid(), nonce()[:6]), NewRun: newRun, Diagnosed: diagnosed, Resync: o.resync, Lease: o.lease,
		ReadOnly: o.readOnly, Log: a.log, Redact: redacted, Now: time.Now,
		Jitter: func(d time.Duration) time.Duration { return d*9/10 + rand.N(d/5+1) },
	}
}
