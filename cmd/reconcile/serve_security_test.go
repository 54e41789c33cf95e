package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tenantry/internal/pgtest"
)

const (
	viewersToken   = "viewer-0123456789-0123456789"
	operatorsToken = "operator-0123456789-0123456789"
)

// tokensFile writes tokens for ann, who looks, and bob, who acts.
func tokensFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte("# who may\nviewer ann "+viewersToken+"\noperator bob "+operatorsToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	s := serveWorld(t, nil, "--tokens", tokensFile(t))
	before := s.file()
	refused := func(why string, status int, code, method, path string, headers ...string) {
		t.Helper()
		got, header, text := s.ask(method, path, "", headers...)
		if got != status || code != "" && decoded(t, text)["code"] != code {
			t.Errorf("%s: %d %s, not %d", why, got, text, status)
		}
		if status == 401 && header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: it does not say how to be somebody: %v", why, header)
		}
	}
	bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	refused("no token", 401, "unauthorized", "GET", "/api/v1/tenants")
	refused("no token", 401, "unauthorized", "PUT", "/api/v1/tenants/evil")
	refused("another's token", 401, "unauthorized", "PUT", "/api/v1/tenants/evil", bearer("operator-0123456789-012345678X")...)
	refused("an empty token", 401, "unauthorized", "PUT", "/api/v1/tenants/evil", bearer("")...)
	refused("a forged header", 401, "unauthorized", "PUT", "/api/v1/tenants/evil", "X-Forwarded-User", "bob")
	refused("a viewer's token", 403, "forbidden", "PUT", "/api/v1/tenants/evil", bearer(viewersToken)...)
	for _, path := range []string{"tenants/acme/retire", "tenants/acme/suspend", "tenants/acme/resume", "tenants/acme/reconcile", "plans/x/apply", "loop/suspend", "loop/resume", "loop/reconcile"} {
		refused("a viewer's token", 403, "forbidden", "POST", "/api/v1/"+path, bearer(viewersToken)...)
	}
	refused("another site", 403, "cross-origin", "PUT", "/api/v1/tenants/evil", append(bearer(operatorsToken), "Sec-Fetch-Site", "cross-site")...)
	refused("another site", 403, "cross-origin", "PUT", "/api/v1/tenants/evil", "Cookie", "tenantry_token="+operatorsToken, "Origin", "https://evil.example")
	refused("another site's login", 403, "cross-origin", "POST", "/login", "Origin", "https://evil.example")
	if s.file() != before {
		t.Errorf("something of it was written:\n%s", s.file())
	}

	if me := s.get(200, "GET", "/api/v1/me", "", bearer(viewersToken)...); me["name"] != "ann" || me["role"] != "viewer" {
		t.Errorf("a viewer is %v", me)
	}
	s.get(201, "PUT", "/api/v1/tenants/good?wait=true", `{"name": "Good"}`, bearer(operatorsToken)...)
	entries := s.get(200, "GET", "/api/v1/audit", "", bearer(viewersToken)...)["entries"].([]any)
	entry := entries[0].(map[string]any)
	if len(entries) != 1 || entry["who"] != "bob" || entry["operation"] != "putTenant" || entry["subject"] != "good" || entry["address"] != "127.0.0.1" ||
		entry["status"] != 201.0 || entry["detail"] != `{"name": "Good"}` {
		t.Errorf("on record is %v", entries)
	}
	if log := s.log.String(); strings.Contains(log, operatorsToken) || strings.Contains(log, viewersToken) {
		t.Errorf("a token is in the log:\n%s", log)
	}
}

func TestABrowserKeepsTheTokenInACookie(t *testing.T) {
	t.Parallel()
	s := serveWorld(t, nil, "--tokens", tokensFile(t))
	post := func(token string) *http.Response {
		t.Helper()
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := client.PostForm(s.base+"/login", url.Values{"token": {token}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	if resp := post("operator-0123456789-nobody's"); resp.StatusCode != 401 || len(resp.Cookies()) != 0 {
		t.Errorf("a wrong token: %d, cookies %v", resp.StatusCode, resp.Cookies())
	}
	resp := post(operatorsToken)
	cookies := resp.Cookies()
	if resp.StatusCode != 303 || len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("logged in: %d, cookies %v", resp.StatusCode, cookies)
	}
	if me := s.get(200, "GET", "/api/v1/me", "", "Cookie", cookies[0].Name+"="+cookies[0].Value); me["name"] != "bob" {
		t.Errorf("the cookie is %v's", me)
	}
	_, header, _ := s.ask("POST", "/logout", "")
	if !strings.Contains(header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("logged out: %v", header)
	}
}

func TestATrustedProxyNamesTheUser(t *testing.T) {
	t.Parallel()
	dir, url := t.TempDir(), pgtest.URL(t)
	if err := copyWorld(dir); err != nil {
		t.Fatal(err)
	}
	trusted := serveFolder(t, dir, url, "--trusted-header", "X-User", "--trusted-proxy", "127.0.0.0/8", "--proxy-operator", "bob")
	if me := trusted.get(200, "GET", "/api/v1/me", "", "X-User", "bob", "X-Forwarded-For", "1.2.3.4, 10.1.1.1"); me["name"] != "bob" || me["role"] != "operator" || me["address"] != "10.1.1.1 by 127.0.0.1" {
		t.Errorf("bob is %v", me)
	}
	if me := trusted.get(200, "GET", "/api/v1/me", "", "X-User", "ann"); me["role"] != "viewer" {
		t.Errorf("ann is %v", me)
	}
	trusted.get(401, "GET", "/api/v1/me", "")
	trusted.get(401, "GET", "/api/v1/me", "", "X-User", " ")
	elsewhere := serveFolder(t, dir, url, "--trusted-header", "X-User", "--trusted-proxy", "10.0.0.0/8", "--proxy-role", "operator")
	elsewhere.get(401, "GET", "/api/v1/me", "", "X-User", "bob")
	elsewhere.get(401, "PUT", "/api/v1/tenants/evil", "", "X-User", "bob", "X-Forwarded-For", "10.0.0.1")
}

func TestWithoutTokensOnlyThisMachineGetsIn(t *testing.T) {
	t.Parallel()
	s := serveWorld(t, nil)
	s.get(200, "GET", "/api/v1/me", "", "Host", "localhost:1234")
	s.get(421, "GET", "/api/v1/me", "", "Host", "evil.example") // a page whose name leads here
	s.get(421, "PUT", "/api/v1/tenants/evil", "", "Host", "evil.example")
	for _, args := range [][]string{
		{"--listen", "0.0.0.0:0"}, {"--listen", "[::]:0"}, {"--listen", ":0"}, {"--listen", "192.0.2.1:80"},
		{"--trusted-header", "X-User"}, {"--trusted-proxy", "10.0.0.1"}, {"--trusted-header", "X-User", "--trusted-proxy", "everybody"},
		{"--tokens", filepath.Join(s.dir, "none")}, {"--tokens", filepath.Join(s.dir, "tenants.yaml")}, {"--tls-cert", "x"},
		{"--prefix", "no-slash"}, {"--git-push"}, {"--lease", "1ms"}, {"--max-pending", "0"},
	} {
		var stderr bytes.Buffer
		if code := run(context.Background(), append([]string{"serve", "-f", filepath.Join(s.dir, "tenants.yaml")}, args...), io.Discard, &stderr); code != exitUsage {
			t.Errorf("%v: exit %d: %s", args, code, &stderr)
		}
	}
}

func TestReadOnlyChangesNothing(t *testing.T) {
	t.Parallel()
	dir, url := t.TempDir(), pgtest.URL(t)
	if err := copyWorld(dir); err != nil {
		t.Fatal(err)
	}
	s := serveFolder(t, dir, url, "--read-only")
	before := s.file()
	if p := s.get(403, "PUT", "/api/v1/tenants/evil", ""); p["code"] != "read-only" {
		t.Errorf("a write: %v", p)
	}
	s.get(403, "POST", "/api/v1/loop/reconcile", "")
	s.get(403, "POST", "/api/v1/loop/suspend", `{"reason": "x", "for": "1h"}`)
	if s.tenant("acme")["state"] != "missing" || s.file() != before {
		t.Errorf("something was changed: %v", s.tenant("acme"))
	}
	s.sql("DO $$ BEGIN IF to_regnamespace('tenantry') IS NOT NULL OR to_regnamespace('tenant_acme') IS NOT NULL THEN RAISE 'something was made'; END IF; END $$")
}

func TestWhoAsksTooMuchIsToldToComeBack(t *testing.T) {
	t.Parallel()
	s := serveWorld(t, nil, "--rate-limit", "2")
	last := 0
	for range 20 {
		status, header, text := s.ask("GET", "/api/v1/me", "")
		if last = status; status == 429 {
			if header.Get("Retry-After") != "1" || decoded(t, text)["code"] != "too-many-requests" {
				t.Errorf("it is not told when to come back: %v %s", header, text)
			}
			break
		}
	}
	if last != 429 {
		t.Error("20 requests at once were answered, where 2 a second are")
	}
	if status, _, _ := s.ask("GET", "/livez", ""); status != 200 {
		t.Errorf("a probe was counted: %d", status)
	}
	roomy := serveWorld(t, nil)
	if p := roomy.get(413, "PUT", "/api/v1/tenants/big", `{"name": "`+strings.Repeat("x", 100<<10)+`"}`); p["code"] != "body-too-large" {
		t.Errorf("a body of 100 KiB: %v", p)
	}
}

func TestTLSAndAPrefix(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := selfSigned(t, dir)
	world := t.TempDir()
	if err := copyWorld(world); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	log, ended := &lockedBuffer{}, make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "-f", filepath.Join(world, "tenants.yaml"), "-c", filepath.Join(world, "atlas.hcl"), "--database-url", pgtest.URL(t),
			"--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--prefix", "/tenantry"}, io.Discard, log)
	}()
	defer func() { stop(); <-ended }()
	s := &runbookServer{t: t, log: log, ended: ended}
	s.until("it listens with TLS", func() bool { return strings.Contains(log.String(), "listening on https://") })
	_, address, _ := strings.Cut(log.String(), "listening on ")
	address, _, _ = strings.Cut(address, "\n")
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	for path, want := range map[string]int{"/api/v1/me": 200, "/login": 200, "/livez": 200} {
		resp, err := client.Get(address + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want || resp.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s%s: %d %v", address, path, resp.StatusCode, resp.Header)
		}
	}
	resp, err := client.Get(strings.TrimSuffix(address, "/tenantry") + "/api/v1/me")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 404 {
		t.Errorf("without the prefix: %d", resp.StatusCode)
	}
}

// selfSigned writes a certificate for 127.0.0.1 and its key.
func selfSigned(t testing.TB, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
