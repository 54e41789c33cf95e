package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tenantry/internal/pgtest"
)

// script runs one of examples/runbook against the server, and returns what it
// printed on both streams.
func (s *runbookServer) script(code int, name string, args ...string) string {
	s.t.Helper()
	cmd := exec.Command("sh", append([]string{filepath.Join("..", "..", "examples", "runbook", name)}, args...)...)
	cmd.Env = append(os.Environ(), "TENANTRY_URL="+s.base, "TENANTRY_TOKEN_FILE="+filepath.Join(s.dir, "token"))
	out, err := cmd.CombinedOutput()
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		s.t.Fatal(err)
	}
	if got != code {
		s.t.Errorf("%s %q: exit code %d, not %d: %s", name, args, got, code, out)
	}
	return string(out)
}

func TestScriptsOfARunbook(t *testing.T) {
	t.Parallel()
	dir, token := t.TempDir(), newSecret()+newSecret()
	f := folder{t, dir}
	f.write("tenants.yaml", "tenants: [acme]\n")
	f.write("tokens", "operator ops "+token+"\n")
	f.write("token", token+"\n")
	if err := copyWorld(dir); err != nil {
		t.Fatal(err)
	}
	s := serveFolder(t, dir, pgtest.URL(t), "--tokens", filepath.Join(dir, "tokens"), "--resync", "24h")
	s.token = token

	made := s.script(0, "create_tenant.sh", "wayne", `Wayne "Bat\man" Enterprises`, "plan=gold", "region=eu")
	if !strings.Contains(made, `"ready":true`) || !strings.Contains(made, `Wayne \"Bat\\man\" Enterprises`) || !strings.Contains(made, `"plan":"gold"`) {
		t.Errorf("what was made: %s", made)
	}
	s.script(0, "create_tenant.sh", "wayne")
	s.script(1, "create_tenant.sh", "wayne", "Another")
	s.script(1, "create_tenant.sh", "no good")
	s.script(64, "create_tenant.sh", "x", "X", "label")
	s.sql("ALTER TABLE tenant_wayne.users ALTER COLUMN email DROP NOT NULL")
	if told := s.script(0, "inspect_tenant.sh", "wayne"); !strings.Contains(told, "SET NOT NULL") || !strings.Contains(told, `"problem":"missing"`) {
		t.Errorf("what is told of it: %s", told)
	}
	s.script(0, "runbook_api.sh", "POST", "/tenants/wayne/reconcile?wait=true", `{"destructive": false}`)
	s.script(0, "suspend_tenant.sh", "wayne")
	if state := s.tenant("wayne")["state"]; state != "suspended" {
		t.Errorf("after it was suspended it is %v", state)
	}
	s.script(0, "suspend_tenant.sh", "--end", "wayne")
	s.script(64, "retire_tenant.sh", "wayne")
	s.script(0, "retire_tenant.sh", "wayne", "wayne")
	if state := s.tenant("wayne")["state"]; state != "retired" {
		t.Errorf("after it was retired it is %v", state)
	}
	f.write("token", "wrong\n")
	if out := s.script(1, "runbook_api.sh", "GET", "/tenants"); !strings.Contains(out, "401") || strings.Contains(out, token) {
		t.Errorf("with a wrong token: %s", out)
	}
}
