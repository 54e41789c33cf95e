package state

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheLifeOfATenantIsRead(t *testing.T) {
	t.Parallel()
	f := parse(t, services+`policy: {retire_after: 12h, max_removals: 3, max_changes: 50}
tenants:
  - acme
  - {id: globex, state: active, protected: true}
  - {id: initech, state: retired, protected: false}
  - {id: hooli, was: hooli_old, forget: false, adopt: true}
  - {id: stark, forget: true}
`)
	yes, no := true, false
	want := []Life{
		{},
		{Protected: &yes},
		{State: Retired, Protected: &no},
		{Was: "hooli_old", Adopt: true},
		{Forget: true},
	}
	for i, w := range want {
		if diff := cmp.Diff(w, f.Tenants[i].Life); diff != "" {
			t.Errorf("%s:\n%s", f.Tenants[i].ID, diff)
		}
	}
	if p := f.Policy; p.RetireAfter != 12*time.Hour || p.MaxRemovals != 3 || p.MaxChanges != 50 {
		t.Errorf("the policy is %+v", p)
	}
	if got := f.Targets()[3]; got.Former != "tenant_hooli_old" || !got.Adopt {
		t.Errorf("hooli comes to %+v", got)
	}
	text, err := f.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, parse(t, string(text)), sameFile); diff != "" {
		t.Errorf("written and read again:\n%s", diff)
	}
}

func TestWhatIsRetiredIsKeptForThirtyDays(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]time.Duration{
		"": 720 * time.Hour, "policy: {retire_after: 0d}\n": 0, "policy: {retire_after: 3650d}\n": maxKept, "policy: {retire_after: 1h30m}\n": 90 * time.Minute,
	} {
		if got := parse(t, written+services+"tenants: [a]\n").Policy.RetireAfter; got != want {
			t.Errorf("%q: %s, want %s", written, got, want)
		}
	}
}

func TestWhoMayUseASchemaIsRead(t *testing.T) {
	t.Parallel()
	f := parse(t, `defaults: {services: [learn], access: {app: read_write, analytics: read_only}, role: "t_{id}"}
policy: {end_sessions: true, archive: "/backup of tenants"}
tenants:
  - {id: a, state: suspended}
  - id: b
    access: {}
    role: {name: "own_{id}", access: [select, insert, select], password_file: "/run/secrets/{id}"}
  - {id: c, role: {name: c, password_command: [pass, "tenants/{id}"]}}
`)
	both := map[string]Rights{"app": readWrite, "analytics": readOnly}
	want := []Grants{
		{Access: both, Role: &Role{Name: "t_a", Rights: readWrite}},
		{Access: map[string]Rights{}, Role: &Role{Name: "own_b", Rights: Rights{"insert", "select"}, PasswordFile: "/run/secrets/b"}},
		{Access: both, Role: &Role{Name: "c", Rights: readWrite, PasswordCommand: []string{"pass", "tenants/c"}}},
	}
	for i, target := range f.Targets() {
		if diff := cmp.Diff(want[i], target.Grants); diff != "" {
			t.Errorf("%s:\n%s", target.Tenant, diff)
		}
	}
	if f.Tenants[0].State != Suspended || !f.Policy.EndSessions || f.Policy.Archive != "/backup of tenants" {
		t.Errorf("read: %+v, %+v", f.Tenants[0], f.Policy)
	}
	text, err := f.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, parse(t, string(text)), sameFile); diff != "" {
		t.Errorf("written and read again:\n%s\n%s", diff, text)
	}
	if parse(t, services+"tenants: [a]").Targets()[0].Managed() {
		t.Error("where nothing is said, somebody looks after it")
	}
}
