package main

import (
	"strings"
	"testing"
)

// A tenant that cannot be made is that tenant's trouble: whoever waits is told,
// others are made, and it is tried again until it can be.
func TestATenantThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := serveWorld(t, nil, "--resync", "1h")
	s.sql(`CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
			IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'tenant_cursed') THEN RAISE 'not on my watch'; END IF; END $$;
		CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('CREATE SCHEMA') EXECUTE FUNCTION refuse()`)
	told := s.get(202, "PUT", "/api/v1/tenants/cursed?wait=true", "")
	if told["state"] != "failing" || !strings.Contains(told["error"].(string), "not on my watch") {
		t.Errorf("whoever waits is told %v", told)
	}
	s.get(201, "PUT", "/api/v1/tenants/blessed?wait=true", "")
	s.sql("DROP EVENT TRIGGER refuse")
	s.until("it was tried again", func() bool { return s.tenant("cursed")["ready"] == true })
}

// What the policy refuses waits for a person, and keeps nobody else waiting.
func TestWhatThePolicyRefusesKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	s := serveWorld(t, map[string]string{"tenants.yaml": "tenants:\n  - id: acme\n  - id: globex\n"}, "--resync", "1s")
	folder{t, s.dir}.edit("tenants.yaml", "id: acme\n", "id: acme\n    state: retired\n")
	s.until("it is refused", func() bool {
		refused, _ := s.get(200, "GET", "/api/v1/status", "")["refused"].(string)
		return strings.Contains(refused, "max_removals")
	})
	s.get(201, "PUT", "/api/v1/tenants/initech?wait=true", "")
	s.sql("INSERT INTO tenant_acme.users VALUES (1, 'still here')")
	s.get(200, "POST", "/api/v1/tenants/acme/retire?wait=true", "") // by name it is meant
	s.until("it is retired", func() bool { return s.tenant("acme")["state"] == "retired" })
	s.until("nothing is refused any more", func() bool { return s.get(200, "GET", "/api/v1/status", "")["refused"] == "" })
}

// Files that are wrong change nothing, say what is wrong, and are used as soon as
// they are right.
func TestFilesThatAreWrongAreToldOf(t *testing.T) {
	t.Parallel()
	s := serveWorld(t, nil, "--resync", "1h")
	f := folder{t, s.dir}
	f.edit("tenants.yaml", "globex]", "globex, {id: initech, lables: {}}]")
	s.until("it is told of", func() bool {
		wrong := s.get(200, "GET", "/api/v1/status", "")["diagnostics"].([]any)
		return len(wrong) == 1 && wrong[0].(map[string]any)["code"] == "unknown-field"
	})
	if s.tenant("acme")["ready"] != true {
		t.Error("what was known is not shown any more")
	}
	if p := s.get(422, "PUT", "/api/v1/tenants/umbrella", ""); p["code"] != "invalid-tenant" {
		t.Errorf("a write into a broken file: %v", p)
	}
	f.edit("tenants.yaml", "lables", "labels")
	s.until("it is used", func() bool { return s.tenant("initech")["ready"] == true })
	if status := s.get(200, "GET", "/api/v1/status", ""); status["trouble"] != "" || len(status["diagnostics"].([]any)) != 0 {
		t.Errorf("it still says that something is wrong: %v", status)
	}
}
