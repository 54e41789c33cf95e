package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
)

// A runbook is a reconcile serve that a test talks to.
type runbookServer struct {
	t        testing.TB
	dir, url string // its folder and database
	base     string // http://127.0.0.1:port
	token    string // sent where it is not ""
	log      *lockedBuffer
	stop     context.CancelFunc
	ended    chan int // the exit code
}

// lockedBuffer is a buffer that one writes and another reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serveWorld starts a server for the files of testdata/world, or others, on a
// database of the test's own, and waits until it is ready.
func serveWorld(t testing.TB, files map[string]string, flags ...string) *runbookServer {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := copyWorld(dir); err != nil {
		t.Fatal(err)
	}
	return serveFolder(t, dir, pgtest.URL(t), flags...)
}

func serveFolder(t testing.TB, dir, url string, flags ...string) *runbookServer {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s := &runbookServer{t: t, dir: dir, url: url, log: &lockedBuffer{}, stop: stop, ended: make(chan int, 1)}
	args := append([]string{"serve", "-f", filepath.Join(dir, "tenants.yaml"), "-c", filepath.Join(dir, "atlas.hcl"), "--database-url", url, "--listen", "127.0.0.1:0", "--rate-limit", "1e6"}, flags...)
	go func() { s.ended <- run(ctx, args, io.Discard, s.log) }()
	t.Cleanup(func() { s.close() })
	s.ready()
	return s
}

// close stops the server and returns its exit code.
func (s *runbookServer) close() int {
	s.stop()
	code := <-s.ended
	s.ended <- code
	return code
}

// until waits for something that the test is about to see.
func (s *runbookServer) until(what string, seen func() bool) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); !seen(); time.Sleep(10 * time.Millisecond) {
		select {
		case code := <-s.ended:
			s.ended <- code
			s.t.Fatalf("before %s the server ended with %d:\n%s", what, code, s.log)
		default:
		}
		if time.Now().After(end) {
			s.t.Fatalf("never: %s\n%s", what, s.log)
		}
	}
}

// ask sends a request, and returns the status and body of the answer.
func (s *runbookServer) ask(method, path, body string, headers ...string) (int, http.Header, []byte) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.base+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", method, path, err, s.log)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if c, err := theContract(); err != nil {
		s.t.Fatal(err)
	} else if err := c.check(method, path, resp.StatusCode, resp.Header, text); err != nil {
		s.t.Error(err)
	}
	return resp.StatusCode, resp.Header, text
}

// get sends a request that must be answered with a status, and decodes the answer.
func (s *runbookServer) get(status int, method, path, body string, headers ...string) map[string]any {
	s.t.Helper()
	got, _, text := s.ask(method, path, body, headers...)
	if got != status {
		s.t.Fatalf("%s %s: status %d, not %d: %s\n%s", method, path, got, status, text, s.log)
	}
	return decoded(s.t, text)
}

func decoded(t testing.TB, text []byte) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// sql runs statements by hand.
func (s *runbookServer) sql(statements string) {
	s.t.Helper()
	conn, err := pgx.Connect(context.Background(), s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.PgConn().Exec(context.Background(), statements).ReadAll(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *runbookServer) file() string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "tenants.yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func TestATenantIsProvisionedByTheAPI(t *testing.T) {
	t.Parallel()
	s := serveWorld(t, nil)
	made := s.get(201, "PUT", "/api/v1/tenants/initech?wait=true", `{"name": "Initech", "labels": {"plan": "gold"}}`)
	if made["ready"] != true || made["state"] != "in_sync" || made["name"] != "Initech" {
		t.Errorf("it is not ready: %v", made)
	}
	if f := s.file(); !strings.Contains(f, "initech") || !strings.Contains(f, "plan") {
		t.Errorf("the file does not have it:\n%s", f)
	}
	s.sql("INSERT INTO tenant_initech.users VALUES (1, 'a')")

	before := s.file()
	s.get(200, "PUT", "/api/v1/tenants/initech?wait=true", `{"labels": {"plan": "gold"}}`)
	if s.file() != before {
		t.Error("asking again changed the file")
	}
	other := s.get(409, "PUT", "/api/v1/tenants/initech", `{"labels": {"plan": "silver"}}`)
	if other["code"] != "conflict" {
		t.Errorf("another wish for the same tenant: %v", other)
	}
	wrong := s.get(422, "PUT", "/api/v1/tenants/acme2", `{"services": ["nosuch"]}`)
	if wrong["code"] != "invalid-tenant" || s.file() != before {
		t.Errorf("a service that there is not: %v", wrong)
	}
	who := s.get(200, "GET", "/api/v1/audit", "")["entries"].([]any)
	if len(who) != 4 {
		t.Errorf("%d writes are on record, not 4: %v", len(who), who)
	}
}

func TestDriftIsSeenAndMended(t *testing.T) {
	t.Parallel()
	s := serveWorld(t, nil, "--resync", "1h")
	s.sql("ALTER TABLE tenant_acme.users DROP COLUMN email")
	diff := s.get(200, "GET", "/api/v1/tenants/acme/diff", "")
	if n := len(diff["schemas"].([]any)[0].(map[string]any)["differences"].([]any)); n == 0 {
		t.Errorf("the diff does not show what was dropped: %v", diff)
	}
	plan := s.get(201, "POST", "/api/v1/plans", `{"tenants": ["acme"]}`)
	id := plan["plan_id"].(string)
	if kept := s.get(200, "GET", "/api/v1/plans/"+id, ""); kept["plan_id"] != id {
		t.Errorf("another plan is kept: %v", kept)
	}
	done := s.get(200, "POST", "/api/v1/plans/"+id+"/apply?wait=true", "")
	if done["state"] != "done" || done["changes"] != 1.0 {
		t.Errorf("the plan was not applied: %v", done)
	}
	s.sql("INSERT INTO tenant_acme.users VALUES (1, 'a')")
	stale := s.get(409, "POST", "/api/v1/plans/"+id+"/apply?wait=true", "")
	if stale["code"] != "stale-plan" || len(stale["moved"].([]any)) == 0 {
		t.Errorf("a plan that does not hold any more: %v", stale)
	}
	if run := s.get(200, "GET", "/api/v1/runs/"+done["id"].(string), ""); run["by"] != "local" {
		t.Errorf("the run is not by who asked for it: %v", run)
	}
}
