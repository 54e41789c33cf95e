package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// environment is what reconcile runs with.
func environment(url string) []string {
	return append(os.Environ(), "DATABASE_URL="+url, "NO_COLOR=1")
}

// outcome is one run of the command.
type outcome struct {
	took time.Duration
	peak int64 // bytes of memory
}

// reconcile runs the command.
func (b *bench) reconcile(ctx context.Context, dir, url string, args ...string) (outcome, error) {
	cmd := exec.CommandContext(ctx, b.command, append([]string{"-q"}, args...)...)
	cmd.Dir, cmd.Env = dir, environment(url)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	started := time.Now()
	if err := cmd.Run(); err != nil {
		return outcome{}, fmt.Errorf("reconcile %v: %w\n%s", args, err, output.String())
	}
	took := time.Since(started)
	usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return outcome{took: took, peak: usage.Maxrss << 10}, nil
}

// best runs the command a few times and returns the fastest.
func (b *bench) best(ctx context.Context, dir, url string, args ...string) (out outcome, err error) {
	for range 5 {
		o, err := b.reconcile(ctx, dir, url, args...)
		if err != nil {
			return out, err
		}
		if out.took == 0 || o.took < out.took {
			out = o
		}
	}
	return out, nil
}

// fleet measures one size.
func (b *bench) fleet(ctx context.Context, n int) error {
	fmt.Printf("\n%d tenants\n", n)
	dir := filepath.Join(b.dir, fmt.Sprint("world", n))
	if err := b.writeWorld(dir, n, false); err != nil {
		return err
	}
	relay, relayed, url, drop, err := b.relayedDatabase(ctx, "fleet")
	if err != nil {
		return err
	}
	defer drop()
	f := &fleetRun{bench: b, n: n, dir: dir, url: url, relayed: relayed, relay: relay}
	for _, scenario := range []func(context.Context) error{f.provision, f.nothing, f.oneTenant, f.oneColumn, f.drift, f.analysed} {
		if err := scenario(ctx); err != nil {
			return err
		}
	}
	return nil
}

// fleetRun is the scenarios of one size, in order, on one database.
type fleetRun struct {
	*bench
	n            int
	dir          string
	url, relayed string
	relay        *relay
	noop         time.Duration
}

// row prints a figure, beside the least that is possible.
func row(what string, took, bare time.Duration, note string) {
	ratio := ""
	if bare > 0 {
		ratio = fmt.Sprintf("%6.2f x %s", float64(took)/float64(bare), bare.Round(time.Millisecond))
	}
	fmt.Printf("  %-28s %10s  %-22s %s\n", what, took.Round(time.Millisecond), ratio, note)
}

// trips runs f and returns how many round trips it took.
func (f *fleetRun) trips(run func() error) (int64, error) {
	before := f.relay.trips.Load()
	err := run()
	return f.relay.trips.Load() - before, err
}

func (f *fleetRun) provision(ctx context.Context) error {
	plan, err := f.planOf(ctx, f.dir, f.url)
	if err != nil {
		return err
	}
	bareURL, drop, err := f.database(ctx, "bare")
	if err != nil {
		return err
	}
	defer drop()
	bareRelay, bareURL, err := startRelay(bareURL, f.latency)
	if err != nil {
		return err
	}
	defer bareRelay.close()
	bare, err := f.bareLoop(ctx, bareURL, plan)
	if err != nil {
		return err
	}
	var o outcome
	trips, err := f.trips(func() (err error) { o, err = f.reconcile(ctx, f.dir, f.relayed); return err })
	if err != nil {
		return err
	}
	row("provision all", o.took, bare, fmt.Sprintf("%.1f round trips a tenant, %d MB", float64(trips)/float64(f.n), o.peak>>20))
	return nil
}

func (f *fleetRun) nothing(ctx context.Context) error {
	bare, err := bareRead(ctx, f.relayed)
	if err != nil {
		return err
	}
	o, err := f.best(ctx, f.dir, f.relayed)
	if err != nil {
		return err
	}
	start, err := f.best(ctx, f.dir, f.relayed, "version")
	if err != nil {
		return err
	}
	f.noop = o.took
	row("nothing to do", o.took, bare, fmt.Sprintf("of which %s to start, %d MB", start.took.Round(time.Millisecond), o.peak>>20))
	return nil
}

func (f *fleetRun) oneTenant(ctx context.Context) error {
	if err := f.writeWorld(f.dir, f.n+1, false); err != nil {
		return err
	}
	id := fmt.Sprintf("t%05d", f.n)
	var o outcome
	trips, err := f.trips(func() (err error) { o, err = f.reconcile(ctx, f.dir, f.relayed, "--tenant", id); return err })
	if err != nil {
		return err
	}
	row("one new tenant, named", o.took, 0, fmt.Sprintf("%d round trips", trips))
	return nil
}

func (f *fleetRun) oneColumn(ctx context.Context) error {
	if err := f.writeWorld(f.dir, f.n+1, true); err != nil {
		return err
	}
	var o outcome
	trips, err := f.trips(func() (err error) { o, err = f.reconcile(ctx, f.dir, f.relayed); return err })
	if err != nil {
		return err
	}
	// The bare loop makes the same change the other way, on the same schemas.
	if err := f.writeWorld(f.dir, f.n+1, false); err != nil {
		return err
	}
	plan, err := f.planOf(ctx, f.dir, f.url)
	if err != nil {
		return err
	}
	for i := range plan.Targets { // a column that is dropped is denied, which does not stop a bare loop
		if t := &plan.Targets[i]; !t.Shared && len(plan.Steps) > 0 {
			t.Step = plan.Steps[0].ID
		}
	}
	bare, err := f.bareLoop(ctx, f.relayed, plan)
	if err != nil {
		return err
	}
	row("one column in all", o.took, bare, fmt.Sprintf("%.1f round trips a tenant, %d MB", float64(trips)/float64(f.n), o.peak>>20))
	_, err = f.reconcile(ctx, f.dir, f.relayed) // what the bare loop did is as it should be
	return err
}

func (f *fleetRun) drift(ctx context.Context) error {
	const drifted = 10
	conn, err := pgx.Connect(ctx, f.url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for i := range min(drifted, f.n) {
		if _, err := conn.Exec(ctx, fmt.Sprintf("DROP INDEX tenant_t%05d.things0_author_id_idx", i)); err != nil {
			return err
		}
	}
	o, err := f.reconcile(ctx, f.dir, f.relayed)
	if err != nil {
		return err
	}
	row(fmt.Sprintf("heal drift in %d", min(drifted, f.n)), o.took, 0, "")
	return nil
}

// analysed compares a look at the whole fleet before and after ANALYZE: a plan
// that fell off a cliff would show.
func (f *fleetRun) analysed(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, f.url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	look := func() (outcome, error) { // without tokens, every fingerprint is read
		if _, err := conn.Exec(ctx, "UPDATE tenantry.target SET token = ''"); err != nil {
			return outcome{}, err
		}
		return f.reconcile(ctx, f.dir, f.relayed, "--dry-run")
	}
	before, err := look()
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "ANALYZE"); err != nil {
		return err
	}
	after, err := look()
	if err != nil {
		return err
	}
	row("all fingerprints", before.took, after.took, "before ANALYZE x after")
	return nil
}
