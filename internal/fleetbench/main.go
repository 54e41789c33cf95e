// Command fleetbench measures fleets: it makes databases with N tenants of T
// tables, runs reconcile on them as a user would, and beside each figure the
// least that PostgreSQL itself allows in the same run: a bare loop that sends
// the same DDL over as many connections, or count(*) over the catalogs that
// must be read. It prints ratios, for machines differ and are noisy.
//
//	go run ./internal/fleetbench -tenants 100,1000 -tables 12
//	go run ./internal/fleetbench -tenants 100 -latency 20ms
//
// Without -database-url it starts an embedded PostgreSQL in a temporary folder,
// as durable as PostgreSQL is out of the box. BENCHMARKS.md holds a real run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tenantry/internal/embedded"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "fleetbench:", err)
		os.Exit(1)
	}
}

// bench is one run of the harness.
type bench struct {
	server      string // URL of the server, for any database
	command     string // the reconcile command, built for this run
	dir         string
	tables      int
	connections int
	latency     time.Duration
}

func run(ctx context.Context) (err error) {
	tenants := flag.String("tenants", "100", "sizes of the fleets, separated by commas")
	tables := flag.Int("tables", 12, "tables of each tenant")
	connections := flag.Int("connections", 4, "connections, of reconcile and of the bare loop")
	latency := flag.Duration("latency", 0, "added to each round trip, by a relay")
	url := flag.String("database-url", "", "a superuser's URL; databases named fleetbench_… are made and dropped there")
	signUps := flag.Int("signups", 0, "measure so many sign-ups to a reconcile serve, on fleets of the product in this folder, and nothing else")
	databases := flag.Int("databases", 0, "measure fleets over so many databases, with -tenants in each, and nothing else")
	processes := flag.Int("processes", 0, "measure so many processes at work on one fleet, and nothing else")
	files := flag.Int("files", 0, "measure so many pending files of each tenant, and nothing else")
	flag.Parse()
	b := &bench{server: *url, tables: *tables, connections: *connections, latency: *latency}
	if b.dir, err = os.MkdirTemp("", "fleetbench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.server == "" {
		server, err := embedded.Start(ctx, embedded.Options{Dir: filepath.Join(b.dir, "server")})
		if err != nil {
			return err
		}
		defer func() {
			server.Close()
			embedded.Remove(context.WithoutCancel(ctx), filepath.Join(b.dir, "server"))
		}()
		b.server = server.URL()
		fmt.Printf("PostgreSQL %s, ", server.Version())
	}
	b.command = filepath.Join(b.dir, "reconcile")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", b.command, "./cmd/reconcile").CombinedOutput(); err != nil {
		return fmt.Errorf("build reconcile: %w\n%s", err, out)
	}
	fmt.Printf("%d tables a tenant, %d connections, %s added to each round trip\n", b.tables, b.connections, b.latency)
	for _, n := range strings.Split(*tenants, ",") {
		size, err := strconv.Atoi(strings.TrimSpace(n))
		if err != nil {
			return fmt.Errorf("-tenants: %w", err)
		}
		scenario := b.fleet
		if *signUps > 0 {
			scenario = func(ctx context.Context, size int) error { return b.signUps(ctx, size, *signUps) }
		}
		if *databases > 0 {
			scenario = func(ctx context.Context, size int) error { return b.several(ctx, *databases, size) }
		}
		if *files > 0 {
			scenario = func(ctx context.Context, size int) error { return b.pendingFiles(ctx, size, *files) }
		}
		if *processes > 0 {
			scenario = func(ctx context.Context, size int) error { return b.processes(ctx, *processes, size) }
		}
		if err := scenario(ctx, size); err != nil {
			return err
		}
	}
	return nil
}
