package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"tenantry/internal/pgtest"
)

// page gets a page, which must be answered with a status.
func (s *runbookServer) page(status int, path string) (*http.Response, string) {
	s.t.Helper()
	resp, err := http.Get(s.base + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode != status {
		s.t.Fatalf("%s: status %d, not %d\n%s", path, resp.StatusCode, status, text)
	}
	return resp, string(text)
}

// has says which of the texts a page does not have.
func (s *runbookServer) has(page string, texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			s.t.Errorf("the page does not have %q:\n%s", text, page)
		}
	}
}

func TestPagesShowTheFleet(t *testing.T) {
	t.Parallel()
	s := serveWorld(t, map[string]string{"tenants.yaml": "policy: {drift: report}\ntenants:\n  - acme\n  - id: globex\n    name: Globex <Corporation>\n    labels: {plan: gold}\n"}, "--prefix", "/ops", "--resync", "24h")
	resp, fleet := s.page(200, "/")
	s.has(fleet, `href="/ops/tenants/acme"`, "Globex &lt;Corporation&gt;", "In sync <b>2</b>", `href="/ops/assets/style.css"`)
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("the content security policy is %q", csp)
	}
	for _, inline := range []string{"<style", " style=", "<script>", " onclick="} {
		if strings.Contains(fleet, inline) {
			t.Errorf("the page has %q, which its policy forbids", inline)
		}
	}
	if _, found := s.page(200, "/?label=plan%3Dgold"); strings.Contains(found, "/tenants/acme") || !strings.Contains(found, "1 tenant found") {
		t.Errorf("the filter by label does not filter:\n%s", found)
	}
	s.sql("ALTER TABLE tenant_acme.users DROP COLUMN email")
	_, tenant := s.page(200, "/tenants/acme")
	s.has(tenant, `<svg class="diagram"`, "column users.email", "should be </span>text", "CREATE TABLE", "Heal")
	s.get(200, "POST", "/api/v1/tenants/acme/reconcile?wait=true", "")
	if _, healed := s.page(200, "/tenants/acme"); strings.Contains(healed, "column users.email") {
		t.Errorf("what was asked for by name is not mended, since the policy has drift only reported:\n%s", healed)
	}
	s.has(second(s.page(404, "/tenants/nosuch")), "there is no tenant")
	s.has(second(s.page(404, "/nosuch")), "There is no such page")
	for _, path := range []string{"/runs", "/plan", "/loop", "/audit", "/provision", "/assets/live.js", "/assets/icon.svg"} {
		s.page(200, path)
	}
}

func second[A, B any](_ A, b B) B { return b }

func TestPagesAskWhoIsNotKnown(t *testing.T) {
	t.Parallel()
	dir, token := t.TempDir(), strings.Repeat("v", 30)
	folder{t, dir}.write("tenants.yaml", "tenants: [acme]\n")
	folder{t, dir}.write("tokens", "viewer ann "+token+"\n")
	if err := copyWorld(dir); err != nil {
		t.Fatal(err)
	}
	s := serveFolder(t, dir, pgtest.URL(t), "--tokens", filepath.Join(dir, "tokens"))
	browser := &http.Client{Jar: must(cookiejar.New(nil))}
	visit := func(path string, form url.Values) (int, string, string) {
		resp, err := browser.Get(s.base + path)
		if form != nil {
			resp, err = browser.PostForm(s.base+path, form)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Request.URL.Path, string(text)
	}
	if status, at, page := visit("/tenants/acme", nil); status != 200 || at != "/login" || strings.Contains(page, "acme") {
		t.Errorf("who is not known gets %d at %s:\n%s", status, at, page)
	}
	if status, _, page := visit("/login", url.Values{"token": {"wrong"}}); status != 401 || !strings.Contains(page, `role="alert"`) {
		t.Errorf("a wrong token: %d\n%s", status, page)
	}
	if _, at, page := visit("/login", url.Values{"token": {token}}); at != "/" || !strings.Contains(page, "acme") || strings.Contains(page, "Provision") {
		t.Errorf("a viewer is at %s, and sees:\n%s", at, page)
	}
	if status, _, page := visit("/tenants/acme/retire", url.Values{}); status != 403 || !strings.Contains(page, "takes an operator") {
		t.Errorf("a viewer retires a tenant: %d\n%s", status, page)
	}
	if _, at, _ := visit("/logout", url.Values{}); at != "/login" {
		t.Errorf("after the end of the login: %s", at)
	}
	if _, at, _ := visit("/", nil); at != "/login" {
		t.Errorf("what was left is still known at %s", at)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
