package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
)

// process starts a server as a process of its own, which can be killed.
func process(t testing.TB, dir, url string, environment ...string) (*runbookServer, *exec.Cmd) {
	t.Helper()
	s := &runbookServer{t: t, dir: dir, url: url, log: &lockedBuffer{}, ended: make(chan int, 1)}
	cmd := exec.Command("reconcile", "serve", "-f", filepath.Join(dir, "tenants.yaml"), "-c", filepath.Join(dir, "atlas.hcl"), "--database-url", url,
		"--listen", "127.0.0.1:0", "--rate-limit", "1e6", "--lease", "2s")
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stderr = s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	s.ready()
	return s, cmd
}

// ready waits until the server listens and has looked at the fleet.
func (s *runbookServer) ready() {
	s.t.Helper()
	address := regexp.MustCompile(`listening on (https?://\S+)`)
	s.until("it listens", func() bool {
		if m := address.FindStringSubmatch(s.log.String()); m != nil {
			s.base = m[1]
		}
		return s.base != ""
	})
	s.until("it is ready", func() bool {
		resp, err := http.Get(s.base + "/readyz")
		if err != nil {
			return false
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func (s *runbookServer) leads() bool {
	return s.get(200, "GET", "/api/v1/status", "")["leading"] == true
}

// Two replicas share the work: one does it, the other one shows it and takes
// writes. The first is killed while it provisions a tenant, and the tenant is
// ready all the same, once.
func TestAReplicaIsKilledInTheMiddleOfAProvision(t *testing.T) {
	t.Parallel()
	dir, url := t.TempDir(), pgtest.URL(t)
	if err := copyWorld(dir); err != nil {
		t.Fatal(err)
	}
	first, cmd := process(t, dir, url)
	second, _ := process(t, dir, url)
	if !first.leads() || second.leads() {
		t.Fatalf("they do not agree on who leads: %v %v", first.leads(), second.leads())
	}
	if made := second.get(201, "PUT", "/api/v1/tenants/initech?wait=true", ""); made["ready"] != true {
		t.Errorf("what the second was asked for: %v", made)
	}

	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "BEGIN; LOCK tenantry.change IN EXCLUSIVE MODE"); err != nil { // the record comes last
		t.Fatal(err)
	}
	first.get(202, "PUT", "/api/v1/tenants/umbrella", "")
	first.until("it is in the middle of it", func() bool {
		var blocked bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'tenantry.change'::regclass)").Scan(&blocked)
		return err == nil && blocked
	})
	cmd.Process.Kill()
	if _, err := conn.Exec(ctx, "COMMIT"); err != nil {
		t.Fatal(err)
	}
	second.until("the second leads", second.leads)
	if made := second.get(200, "GET", "/api/v1/tenants/umbrella?wait=true", ""); made["ready"] != true {
		t.Errorf("what the first was killed over: %v\n%s", made, second.log)
	}
	var made int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM tenantry.change WHERE schema = 'tenant_umbrella'").Scan(&made); err != nil || made != 1 {
		t.Errorf("it was made %d times (%v)", made, err)
	}
	second.get(201, "PUT", "/api/v1/tenants/stark?wait=true", "")
}

// The database goes away and comes back: what is known is still shown, writes
// are told to come back, and what was written into the file meanwhile is done.
func TestTheDatabaseIsRestarted(t *testing.T) {
	t.Parallel()
	dir, server := t.TempDir(), pgtest.Server(t)
	if err := copyWorld(dir); err != nil {
		t.Fatal(err)
	}
	s := serveFolder(t, dir, server.URL(), "--resync", "1s")
	s.get(201, "PUT", "/api/v1/tenants/initech?wait=true", "")
	server.Stop()
	s.until("it notices", func() bool { return s.get(200, "GET", "/api/v1/status", "")["trouble"] != "" })
	if s.tenant("acme")["ready"] != true {
		t.Errorf("what was known is not shown any more: %v", s.tenant("acme"))
	}
	if status, header, text := s.ask("PUT", "/api/v1/tenants/early", ""); status != 503 || header.Get("Retry-After") == "" || decoded(t, text)["code"] != "database" {
		t.Errorf("a write without a database: %d %v %s", status, header, text)
	}
	folder{t, dir}.edit("tenants.yaml", "initech", "initech, umbrella")
	server.Start()
	s.until("what was written meanwhile is there", func() bool { return s.tenant("umbrella")["ready"] == true })
	s.get(201, "PUT", "/api/v1/tenants/early?wait=true", "")
	if trouble := s.get(200, "GET", "/api/v1/status", "")["trouble"]; trouble != "" {
		t.Errorf("it is still in trouble: %v", trouble)
	}
	if strings.Contains(s.log.String(), "msg=panic") {
		t.Errorf("there was a panic:\n%s", s.log)
	}
}
