package main

import (
	"strings"
	"testing"

	"tenantry/internal/pgtest"
)

// One of two databases is down when the server starts, and goes away again later:
// the other's tenants are looked after all the time, its own are told of with its
// name, and are ready by themselves when it is back. Whichever it is: eu, being the
// first by name, is the one where replicas meet while it answers.
func TestOneOfTwoDatabasesIsDown(t *testing.T) {
	t.Parallel()
	for _, down := range []string{"eu", "zeta"} {
		t.Run(down, func(t *testing.T) {
			t.Parallel()
			server := pgtest.Server(t)
			away := server.URL()
			server.Stop()
			s := serveWorld(t, map[string]string{
				"tenants.yaml": "databases: {us: {url: '" + pgtest.URL(t) + "'}, " + down + ": {url: '" + away + "'}}\ndefaults: {database: us}\n" +
					"tenants:\n  - acme\n  - {id: globex, database: " + down + "}\n",
			}, "--resync", "1s", "--lease", "1s")
			s.livesWithout(down, "initech", "globex")
			server.Start()
			s.until("it is there by itself", func() bool { return s.tenant("globex")["ready"] == true })

			server.Stop()
			s.get(202, "PUT", "/api/v1/tenants/umbrella", `{"database": "`+down+`"}`)
			s.livesWithout(down, "stark", "globex", "umbrella")
			server.Start()
			s.until("what was there is there again", func() bool { return s.tenant("globex")["ready"] == true })
			s.until("and what was asked for", func() bool { return s.tenant("umbrella")["ready"] == true })
			if trouble := s.get(200, "GET", "/api/v1/status", "")["trouble"]; trouble != "" {
				t.Errorf("it is in trouble: %v", trouble)
			}
			server.Stop() // before the server, which gives back its lease
		})
	}
}

// livesWithout fails the test unless a tenant of us can be made while a database
// is down, and the lost tenants say which that is.
func (s *runbookServer) livesWithout(down, made string, lost ...string) {
	s.t.Helper()
	s.get(201, "PUT", "/api/v1/tenants/"+made+"?wait=true", `{"database": "us"}`)
	for _, id := range lost {
		s.until(id+" is told of", func() bool {
			schema := s.tenant(id)["schemas"].([]any)[0].(map[string]any)
			why, _ := schema["error"].(string)
			return schema["state"] == "unreachable" && strings.HasPrefix(why, "database "+down+" (")
		})
	}
	if s.tenant(made)["ready"] != true || s.tenant("acme")["ready"] != true {
		s.t.Errorf("tenants of us are lost too: %v", s.tenant("acme"))
	}
	s.get(200, "GET", "/api/v1/runs", "")
}

// A pause holds where the database that it was asked in goes away, and its end when
// that is back.
func TestAPauseOutlivesADatabase(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	s := serveWorld(t, map[string]string{
		"tenants.yaml": "databases: {us: {url: '" + pgtest.URL(t) + "'}, eu: {url: '" + server.URL() + "'}}\ndefaults: {database: us}\ntenants: [acme]\n",
	}, "--resync", "1s", "--lease", "1s")
	paused := func() bool { return s.get(200, "GET", "/api/v1/status", "")["pause"] != nil }
	s.get(200, "POST", "/api/v1/loop/suspend", `{"reason": "a move", "for": "1h"}`)
	server.Stop()
	s.until("replicas meet elsewhere", s.leads)
	s.get(202, "PUT", "/api/v1/tenants/stark", "")
	if !paused() {
		t.Error("the pause is over")
	}
	s.get(200, "POST", "/api/v1/loop/resume", "")
	s.until("it goes on", func() bool { return s.tenant("stark")["ready"] == true })
	server.Start()
	s.get(201, "PUT", "/api/v1/tenants/wayne?wait=true", "")
	if paused() {
		t.Error("the pause is back")
	}
}

// A database that hangs, while the server runs, keeps nobody waiting for longer than
// it takes to find out.
func TestADatabaseHangsWhileServing(t *testing.T) {
	t.Parallel()
	relay := pgtest.NewRelay(t, pgtest.URL(t))
	s := serveWorld(t, map[string]string{
		"tenants.yaml": "databases: {us: {url: '" + pgtest.URL(t) + "'}, eu: {url: '" + relay.URL() + "&connect_timeout=1'}}\ndefaults: {database: us}\n" +
			"tenants:\n  - acme\n  - {id: globex, database: eu}\n",
	}, "--resync", "1s", "--lease", "1s")
	relay.Hang()
	s.livesWithout("eu", "initech", "globex")
	s.livesWithout("eu", "umbrella", "globex")
	relay.Resume()
	s.until("it is there again", func() bool { return s.tenant("globex")["ready"] == true })
}

// Two names for one database are seen as such when the second can be asked at last.
func TestTwoNamesForOneDatabaseAreSeenLater(t *testing.T) {
	t.Parallel()
	at := pgtest.URL(t)
	relay := pgtest.NewRelay(t, at)
	relay.Hang()
	s := serveWorld(t, map[string]string{
		"tenants.yaml": "databases: {us: {url: '" + at + "'}, eu: {url: '" + relay.URL() + "&connect_timeout=1'}}\ndefaults: {database: us}\ntenants: [acme]\n",
	}, "--resync", "1s")
	relay.Resume()
	s.until("it is seen", func() bool {
		wrong := s.get(200, "GET", "/api/v1/status", "")["diagnostics"].([]any)
		return len(wrong) == 1 && wrong[0].(map[string]any)["code"] == "same-database"
	})
}
