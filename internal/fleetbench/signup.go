package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/reconcile"
)

// signUps measures how long a tenant takes from signing up to being ready, on a
// fleet of n of the product whose definitions are in this folder, with three
// services and a shared one. Beside each sign-up the DDL of such a tenant alone
// is sent, so that both have the same machine.
func (b *bench) signUps(ctx context.Context, n, times int) error {
	fmt.Printf("\n%d tenants of three services, %d sign-ups of each kind\n", n, times)
	dir := filepath.Join(b.dir, fmt.Sprint("product", n))
	url, drop, err := b.database(ctx, "signup")
	if err != nil {
		return err
	}
	defer drop()
	if err := b.writeProduct(dir); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, fmt.Sprintf("CREATE TABLE organisations AS SELECT 't' || to_char(i, 'FM00000') AS slug FROM generate_series(1, %d) i", n)); err != nil {
		return err
	}
	plan, err := b.planOf(ctx, dir, url)
	if err != nil {
		return err
	}
	if _, err := b.reconcile(ctx, dir, url); err != nil {
		return err
	}
	s, err := b.serve(ctx, dir, url)
	if err != nil {
		return err
	}
	defer s.stop()
	var bare, table, api []time.Duration
	for i := range times {
		for _, measured := range []struct {
			into *[]time.Duration
			do   func() error
		}{
			{&bare, func() error { return bareTenant(ctx, conn, plan, fmt.Sprint("bare_", i)) }},
			{&table, func() error { return s.byTable(ctx, conn, fmt.Sprint("row", i)) }},
			{&api, func() error { return s.byAPI(fmt.Sprint("put", i)) }},
		} {
			started := time.Now()
			if err := measured.do(); err != nil {
				return err
			}
			*measured.into = append(*measured.into, time.Since(started))
		}
	}
	for _, r := range []struct {
		what string
		took []time.Duration
	}{{"the DDL alone", bare}, {"a row in a table", table}, {"PUT /tenants/{id}", api}} {
		row(r.what+", half of them", quantile(r.took, 50), quantile(bare, 50), "")
		row(r.what+", 95 of 100", quantile(r.took, 95), quantile(bare, 95), "")
	}
	return nil
}

func quantile(took []time.Duration, percent int) time.Duration {
	slices.Sort(took)
	return took[min(len(took)-1, len(took)*percent/100)]
}

// writeProduct copies the definitions of this folder, with tenants from a table.
func (b *bench) writeProduct(dir string) error {
	if err := os.CopyFS(filepath.Join(dir, "schema"), os.DirFS("schema")); err != nil {
		return err
	}
	project, err := os.ReadFile("atlas.hcl")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "atlas.hcl"), project, 0o644); err != nil {
		return err
	}
	tenants := fmt.Sprintf("shared: [identity]\ndefaults: {services: [community, learn, challenge]}\npolicy: {parallelism: %d}\n"+
		"from: {query: SELECT slug AS id FROM organisations, notify: tenants}\ntenants: [first]\n", b.connections)
	return os.WriteFile(filepath.Join(dir, "tenants.yaml"), []byte(tenants), 0o644)
}

// bareTenant sends the statements that make a tenant, in one transaction.
func bareTenant(ctx context.Context, conn *pgx.Conn, plan *reconcile.Plan, schema string) error {
	for i := range plan.Targets {
		t := &plan.Targets[i]
		if t.Shared || t.Step == "" {
			continue
		}
		batch := &pgx.Batch{}
		batch.Queue("BEGIN")
		for _, s := range plan.StepOf(t).Statements {
			batch.Queue(s.For(schema))
		}
		batch.Queue("COMMIT")
		return conn.SendBatch(ctx, batch).Close()
	}
	return fmt.Errorf("the plan makes no tenant")
}

// server is a reconcile serve.
type server struct {
	base string
	stop func()
}

var listening = regexp.MustCompile(`listening on (\S+)`)

func (b *bench) serve(ctx context.Context, dir, url string) (*server, error) {
	cmd := exec.CommandContext(ctx, b.command, "serve", "--listen", "127.0.0.1:0", "--resync", "1h")
	cmd.Dir, cmd.Env = dir, environment(url)
	log := &tail{}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{stop: func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() }}
	for range 600 {
		if m := listening.FindStringSubmatch(log.String()); m != nil {
			s.base = m[1]
			if resp, err := http.Get(s.base + "/readyz"); err == nil {
				resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					return s, nil
				}
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.stop()
	return nil, fmt.Errorf("reconcile serve does not get ready:\n%s", log.String())
}

// tail keeps what a process says.
type tail struct {
	mu   sync.Mutex
	text strings.Builder
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// byTable signs a tenant up as a portal with a table does.
func (s *server) byTable(ctx context.Context, conn *pgx.Conn, id string) error {
	if _, err := conn.Exec(ctx, "WITH new AS (INSERT INTO organisations VALUES ($1)) SELECT pg_notify('tenants', '')", pgx.QueryExecModeExec, id); err != nil {
		return err
	}
	return s.ready("GET", id)
}

// byAPI signs a tenant up as a portal without one does.
func (s *server) byAPI(id string) error { return s.ready("PUT", id) }

func (s *server) ready(method, id string) error {
	r, err := http.NewRequest(method, s.base+"/api/v1/tenants/"+id+"?wait=true", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var tenant struct{ Ready bool }
	if err := json.Unmarshal(text, &tenant); err != nil || !tenant.Ready {
		return fmt.Errorf("%s is not ready: %d %s", id, resp.StatusCode, text)
	}
	return nil
}
