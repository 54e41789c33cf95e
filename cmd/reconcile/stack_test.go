package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"tenantry/internal/pgtest"
)

// The whole stack, as a role that is none of a superuser, like that of Supabase:
// whoever signs up at the portal has a tenant.
func TestTheStackSignsUpATenant(t *testing.T) {
	t.Parallel()
	admin := pgtest.URL(t)
	role := pgtest.Role(t, admin, "CREATEROLE CREATEDB NOSUPERUSER")
	owner := func(name string) {
		(&runbookServer{t: t, url: admin}).sql(fmt.Sprintf(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I OWNER TO %s', current_database()); END $$`, name))
	}
	owner(pgtest.RoleName(role))
	t.Cleanup(func() { owner("current_user") }) // the role can go then
	cmd := exec.Command("sh", "../../examples/stack/run-local.sh", "--check")
	cmd.Env = append(os.Environ(), "DATABASE_URL="+role)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"acme is ready after", `"ready":true`, `"name":"Acme Corporation"`, `"plan":"free"`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it does not say %s:\n%s", want, out)
		}
	}
	t.Logf("%s", out)
}
