package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// several measures a fleet over so many databases of n tenants each: every one
// of them alone, one after the other, and then all in one run.
func (b *bench) several(ctx context.Context, databases, n int) error {
	fmt.Printf("\n%d databases of %d tenants\n", databases, n)
	var slowest, sum time.Duration
	for i := range databases {
		took, err := b.provisionIn(ctx, []int{i}, n, 1, false)
		if err != nil {
			return err
		}
		slowest, sum = max(slowest, took), sum+took
	}
	together, err := b.provisionIn(ctx, upTo(databases), n, 1, false)
	if err != nil {
		return err
	}
	row("all in one run", together, slowest, "against the slowest alone")
	row("", together, sum, "against the sum")
	return nil
}

// processes measures n new tenants of a fleet that so many processes make at the
// same time, against one process. The fleet has a tenant already, so that none of
// them has to compile, which is work that they do not share.
func (b *bench) processes(ctx context.Context, processes, n int) error {
	fmt.Printf("\n%d processes on %d tenants\n", processes, n)
	alone, err := b.provisionIn(ctx, []int{0}, n, 1, true)
	if err != nil {
		return err
	}
	together, err := b.provisionIn(ctx, []int{0}, n, processes, true)
	if err != nil {
		return err
	}
	row("all processes", together, alone, "against one")
	return nil
}

func upTo(n int) (out []int) {
	for i := range n {
		out = append(out, i)
	}
	return out
}

// provisionIn provisions n tenants in each of the databases, which are fresh, and
// returns how long that takes so many processes that begin at once. With begun,
// each database has one more tenant, which is there before the clock starts.
func (b *bench) provisionIn(ctx context.Context, databases []int, n, processes int, begun bool) (time.Duration, error) {
	dir := filepath.Join(b.dir, fmt.Sprintf("several-%d-%d", len(databases), processes))
	if err := b.writeWorld(dir, n, false); err != nil {
		return 0, err
	}
	var file strings.Builder
	fmt.Fprintf(&file, "shared: [identity]\ndefaults: {services: [app], database: d%d}\npolicy: {parallelism: %d}\ndatabases:\n", databases[0], b.connections)
	for _, i := range databases {
		_, relayed, _, drop, err := b.relayedDatabase(ctx, fmt.Sprint("several_", i))
		if err != nil {
			return 0, err
		}
		defer drop()
		fmt.Fprintf(&file, "  d%d: {url: '%s'}\n", i, relayed)
	}
	file.WriteString("tenants:\n")
	tenants := func(from, to int) {
		for _, i := range databases {
			for k := from; k < to; k++ {
				fmt.Fprintf(&file, "  - {id: d%dt%05d, database: d%d}\n", i, k, i)
			}
		}
	}
	name, first := filepath.Join(dir, "tenants.yaml"), 0
	if begun {
		first = 1
		tenants(0, first)
		if err := os.WriteFile(name, []byte(file.String()), 0o644); err != nil {
			return 0, err
		}
		if _, err := b.reconcile(ctx, dir, ""); err != nil {
			return 0, err
		}
	}
	tenants(first, first+n)
	if err := os.WriteFile(name, []byte(file.String()), 0o644); err != nil {
		return 0, err
	}
	started := time.Now()
	var group errgroup.Group
	for range processes {
		group.Go(func() error {
			_, err := b.reconcile(ctx, dir, "")
			return err
		})
	}
	err := group.Wait()
	return time.Since(started), err
}
