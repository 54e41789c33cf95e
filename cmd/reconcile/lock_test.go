package main

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
)

// A long query holds one tenant's table. The others are done meanwhile; whoever
// reads that table is never kept waiting behind the change for longer than
// lock_timeout, by PostgreSQL's own clock; and the tenant is done once the query is
// over. $TENANTRY_TEST_LOCK says how long it lasts; in full, 30s with the default
// lock_timeout.
func TestALongQueryHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	for way, via := range map[string]func(testing.TB, string) string{"direct": pgtest.Via, "pooled": pgtest.Pooled} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			aLongQueryHoldsUpNobodyElse(t, via)
		})
	}
}

func aLongQueryHoldsUpNobodyElse(t *testing.T, via func(testing.TB, string) string) {
	held, lockTimeout := time.Second, 300*time.Millisecond
	if d, err := time.ParseDuration(os.Getenv("TENANTRY_TEST_LOCK")); err == nil {
		held, lockTimeout = d, 3*time.Second
	}
	f := newCrashFleet(t, pgtest.URL(t))
	f.begin()
	ctx := context.Background()
	query, err := pgx.Connect(ctx, f.url)
	if err != nil {
		t.Fatal(err)
	}
	defer query.Close(ctx)
	if _, err := query.Exec(ctx, "BEGIN; SELECT * FROM "+f.schemas[0]+".things0"); err != nil {
		t.Fatal(err)
	}
	f.write(1)
	run := f.commandAt(via(t, f.url))
	run.Args = append(run.Args, "--lock-timeout", lockTimeout.String())
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	readers := make(chan error, 1)
	go func() { readers <- readAgainAndAgain(f.url, f.schemas[0], lockTimeout, over) }()

	time.Sleep(held)
	for left := len(f.schemas) - 1; left > 0; time.Sleep(20 * time.Millisecond) { // the others, however slow the machine is
		f.query("SELECT "+fmt.Sprint(len(f.schemas)-1)+" - count(DISTINCT schema) FROM tenantry.target t WHERE status = 'applied' AND schema <> '"+f.schemas[0]+
			"' AND run = (SELECT id FROM tenantry.run ORDER BY started_at DESC LIMIT 1)", &left)
	}
	if _, err := query.Exec(ctx, "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := run.Wait(); err != nil {
		t.Errorf("the run: %v", err)
	}
	close(over)
	if err := <-readers; err != nil {
		t.Errorf("a reader was kept waiting: %v", err)
	}
	f.mustConverge()
}

// readAgainAndAgain reads a table until it is over, and gives up where one read
// has to wait much longer than the changes may.
func readAgainAndAgain(url, schema string, lockTimeout time.Duration, over chan struct{}) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, fmt.Sprintf("SET lock_timeout = '%dms'", (lockTimeout+2*time.Second).Milliseconds())); err != nil {
		return err
	}
	for {
		select {
		case <-over:
			return nil
		case <-time.After(time.Millisecond):
			if _, err := conn.Exec(ctx, "SELECT count(*) FROM "+schema+".things0"); err != nil {
				return err
			}
		}
	}
}
