package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// hostile are texts that have broken servers.
var hostile = []string{
	"", " ", "acme", "globex", "..", "../../etc/passwd", "%2e%2e%2f", "a b", "ACME", "tenant_acme", "x", "0", "-1", "1e400", "99999999999999999999", "true", "null", "[]", "{}",
	"'; DROP SCHEMA tenant_acme CASCADE; --", `"`, `\`, "${DATABASE_URL}", "{id}", "{{.}}", "<script>alert(1)</script>", "ü", "😀", "\u202e", "a\x00b", "\xff\xfe", "a\nb: c", "- x", "*a", "&a",
	"!!binary", "<<", strings.Repeat("a", 64), strings.Repeat("a", 5000), "sha256:" + strings.Repeat("0", 64), "state=x", "=", "a=b", "plan=gold", "public", "pg_catalog", "tenantry", "identity",
}

func pick(r *rand.Rand, some ...string) string { return some[r.IntN(len(some))] }

// hostileBody returns a body: sometimes what is expected, mostly not.
func hostileBody(r *rand.Rand) string {
	value := func() string {
		return pick(r, `"acme"`, `""`, `null`, `1`, `-1.5e300`, `true`, `[]`, `{}`, `["app"]`, `["app", "app"]`, `[null]`, `{"a": "b"}`, `{"a": {"b": {}}}`, `{"": ""}`, fmt.Sprintf("%q", pick(r, hostile...)))
	}
	switch r.IntN(6) {
	case 0:
		return pick(r, hostile...)
	case 1:
		return pick(r, "{", "}", "[", `{"name"`, `{"name": "a"} {"name": "b"}`, "\xff\xfe{\x00}\x00", strings.Repeat("[", 10000), `{"name": "`+strings.Repeat("x", 3000)+`"}`, "name: a")
	case 2:
		return ""
	}
	var fields []string
	for range r.IntN(4) {
		fields = append(fields, fmt.Sprintf("%q: %s", pick(r, "name", "services", "database", "schema", "labels", "vars", "tenants", "destructive", "adopt", "reason", "for", "x", "__proto__"), value()))
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

// hostilePath returns a path of an operation, filled with what does not belong.
func hostilePath(r *rand.Rand, template string) string {
	for strings.Contains(template, "{id}") {
		id := url.PathEscape(pick(r, hostile...))
		if r.IntN(3) == 0 {
			id = pick(r, "acme", "globex", "fuzzed")
		}
		template = strings.Replace(template, "{id}", id, 1)
	}
	var query []string
	for range r.IntN(3) {
		name := pick(r, "state", "label", "service", "database", "q", "limit", "after", "wait", "before", "x")
		query = append(query, name+"="+url.QueryEscape(pick(r, hostile...)))
	}
	if len(query) > 0 {
		template += "?" + strings.Join(query, "&")
	}
	return template
}

// Requests of every kind, of which hardly one is right, are answered as the
// document says, and none with a defect: not one status of 500 or more.
// $TENANTRY_TEST_REQUESTS says how many, $TENANTRY_TEST_SEED which; CI sends 10,000.
func TestHostileRequestsAreAnswered(t *testing.T) {
	t.Parallel()
	n, seed := numberFrom("TENANTRY_TEST_REQUESTS", 1500), numberFrom("TENANTRY_TEST_SEED", 1)
	s := serveWorld(t, nil, "--max-pending", "100000")
	c, err := theContract()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(uint64(seed), 5))
	type operation struct{ method, path string }
	var operations []operation
	for path, item := range c.document["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			if method != "parameters" && path != "/api/v1/events" {
				operations = append(operations, operation{strings.ToUpper(method), path})
			}
		}
	}
	slices.SortFunc(operations, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	statuses := make(map[int]int)
	for i := range n {
		op := operations[r.IntN(len(operations))]
		method, path, body := op.method, hostilePath(r, op.path), hostileBody(r)
		path = strings.ReplaceAll(path, "wait=true", "wait=false")
		if r.IntN(50) == 0 {
			method = pick(r, "GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE")
		}
		if method == "POST" && strings.HasSuffix(op.path, "/suspend") && strings.Contains(op.path, "loop") {
			body = `{"reason": "fuzzing", "for": ` + pick(r, `"1ms"`, `"x"`, "1", `"9999h"`, "null") + "}"
		}
		headers := []string{}
		if r.IntN(20) == 0 {
			headers = append(headers, pick(r, "Content-Type", "Accept", "Last-Event-ID", "Authorization", "X-Forwarded-For", "Range"), pick(r, "text/plain", "x", "Bearer x", "0", "bytes=0-1"))
		}
		status, _, text := s.ask(method, path, body, headers...)
		statuses[status]++
		if status >= 500 {
			t.Errorf("request %d (seed %d): %s %s %.200q: %d %s", i, seed, method, path, body, status, text)
		}
	}
	t.Logf("%d requests: %v", n, statuses)
	s.get(200, "GET", "/api/v1/tenants/acme", "")
	if trouble := s.get(200, "GET", "/api/v1/status", "")["trouble"]; trouble != "" {
		t.Errorf("the server is left in trouble: %v\n%s", trouble, s.file())
	}
	if panics := strings.Count(s.log.String(), "msg=panic"); panics > 0 {
		t.Errorf("%d panics:\n%s", panics, s.log)
	}
}

// What is not even HTTP is refused, and the next one is answered.
func TestWhatIsNotHTTPIsRefused(t *testing.T) {
	t.Parallel()
	s := serveWorld(t, nil)
	address := strings.TrimPrefix(s.base, "http://")
	for _, raw := range []string{
		"\x00\x01\x02\r\n\r\n", "GET\r\n\r\n", "GET /api/v1/me HTTP/9.9\r\n\r\n", "GET /api/v1/me HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"PUT /api/v1/tenants/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
		"PUT /api/v1/tenants/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", "GET /" + strings.Repeat("a", 100<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("a", 100<<10) + "\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		io.WriteString(conn, raw) // it may have hung up already
		conn.(*net.TCPConn).CloseWrite()
		if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil && (resp.StatusCode < 400 || resp.StatusCode >= 500 && resp.StatusCode != 505 && resp.StatusCode != 501) {
			t.Errorf("%.60q: %d", raw, resp.StatusCode)
		}
		conn.Close()
	}
	s.get(200, "GET", "/api/v1/me", "")
}
