package main

import (
	"testing"

	"tenantry/internal/pgtest"
)

const fromTable = `from:
  query: SELECT slug AS id, plan FROM organisations
  notify: tenants
  every: 24h
allow_empty: true
tenants: []
`

// serveTable starts a server whose tenants are those of a table, which tells of
// its changes as a product's would.
func serveTable(t testing.TB, flags ...string) *runbookServer {
	t.Helper()
	dir, url := t.TempDir(), pgtest.URL(t)
	folder{t, dir}.write("tenants.yaml", fromTable)
	if err := copyWorld(dir); err != nil {
		t.Fatal(err)
	}
	(&runbookServer{t: t, url: url}).sql(`CREATE TABLE organisations (slug text PRIMARY KEY, plan text);
		CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NOTIFY tenants; RETURN NULL; END';
		CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON organisations EXECUTE FUNCTION tell();
		INSERT INTO organisations VALUES ('acme', 'gold')`)
	return serveFolder(t, dir, url, flags...)
}

func (s *runbookServer) tenant(id string) map[string]any {
	status, _, text := s.ask("GET", "/api/v1/tenants/"+id, "")
	if status != 200 {
		return map[string]any{}
	}
	return decoded(s.t, text)
}

func TestATenantIsProvisionedWhenATableHasIt(t *testing.T) {
	t.Parallel()
	s := serveTable(t, "--resync", "24h") // so it is told, and does not find out
	if s.tenant("acme")["ready"] != true {
		t.Errorf("what was there at the beginning is not ready: %v", s.tenant("acme"))
	}
	s.sql("INSERT INTO organisations VALUES ('globex', 'silver')")
	if made := s.get(200, "GET", "/api/v1/tenants/globex?wait=true", ""); made["ready"] != true {
		t.Errorf("whoever waited for it is told that it is %v", made)
	}
	if labels := s.tenant("globex")["labels"].(map[string]any); labels["plan"] != "silver" {
		t.Errorf("its labels are %v", labels)
	}

	s.sql("INSERT INTO tenant_acme.users VALUES (1, 'a'); DELETE FROM organisations WHERE slug = 'acme'")
	s.until("acme is an orphan", func() bool { return s.tenant("acme")["state"] == "orphaned" })
	s.sql("INSERT INTO tenant_acme.users VALUES (2, 'b')") // it is still there

	s.sql("INSERT INTO organisations VALUES ('not an id', NULL), ('hooli', NULL)")
	s.until("hooli is ready", func() bool { return s.tenant("hooli")["ready"] == true })
	wrong := s.get(200, "GET", "/api/v1/status", "")["diagnostics"].([]any)
	if len(wrong) != 1 || wrong[0].(map[string]any)["code"] != "invalid-id" {
		t.Errorf("the row that is no tenant is not told of: %v", wrong)
	}

	if p := s.get(409, "POST", "/api/v1/tenants/globex/retire", ""); p["code"] != "conflict" {
		t.Errorf("what a table asks for was retired in the file: %v", p)
	}
}
