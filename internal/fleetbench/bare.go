package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/reconcile"
)

// planOf returns the plan that a dry run prints.
func (b *bench) planOf(ctx context.Context, dir, url string) (*reconcile.Plan, error) {
	cmd := exec.CommandContext(ctx, b.command, "--dry-run", "-o", "json", "-q")
	cmd.Dir, cmd.Env = dir, environment(url)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) { // 3: some of it would be denied
		return nil, fmt.Errorf("dry run: %w", err)
	}
	plan := new(reconcile.Plan)
	return plan, json.Unmarshal(out, plan)
}

// bareLoop sends the statements of a plan, a transaction for each target, over
// as many connections as reconcile has, and nothing else.
func (b *bench) bareLoop(ctx context.Context, url string, plan *reconcile.Plan) (time.Duration, error) {
	var shared, tenants []*reconcile.PlannedTarget
	for i := range plan.Targets {
		switch t := &plan.Targets[i]; {
		case t.Step == "":
		case t.Shared:
			shared = append(shared, t)
		default:
			tenants = append(tenants, t)
		}
	}
	started := time.Now()
	if err := b.send(ctx, url, plan, shared, 1); err != nil {
		return 0, err
	}
	if err := b.send(ctx, url, plan, tenants, b.connections); err != nil {
		return 0, err
	}
	return time.Since(started), nil
}

func (b *bench) send(ctx context.Context, url string, plan *reconcile.Plan, targets []*reconcile.PlannedTarget, connections int) error {
	queue := make(chan *reconcile.PlannedTarget)
	failures := make(chan error, connections)
	var workers sync.WaitGroup
	for range connections {
		workers.Go(func() { failures <- sendFrom(ctx, url, plan, queue) })
	}
	for _, t := range targets {
		queue <- t
	}
	close(queue)
	workers.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}

func sendFrom(ctx context.Context, url string, plan *reconcile.Plan, queue <-chan *reconcile.PlannedTarget) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, config)
	if err == nil {
		defer conn.Close(ctx)
	}
	for t := range queue {
		if err != nil {
			continue // empty the queue
		}
		batch := &pgx.Batch{}
		batch.Queue("BEGIN")
		for _, s := range plan.StepOf(t).Statements {
			batch.Queue(s.For(t.Schema))
		}
		batch.Queue("COMMIT")
		err = conn.SendBatch(ctx, batch).Close()
	}
	return err
}

// bareRead is the least that a look at the whole fleet costs: counting the rows
// of the catalogs that say what schemas hold.
func bareRead(ctx context.Context, url string) (time.Duration, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	var best time.Duration
	for range 5 {
		started := time.Now()
		for _, catalog := range []string{"pg_namespace", "pg_class", "pg_attribute", "pg_attrdef", "pg_constraint", "pg_index", "pg_type", "pg_enum", "pg_description", "pg_depend", "pg_sequence"} {
			if _, err := conn.Exec(ctx, "SELECT count(*) FROM "+catalog); err != nil {
				return 0, err
			}
		}
		if took := time.Since(started); best == 0 || took < best {
			best = took
		}
	}
	return best, nil
}
