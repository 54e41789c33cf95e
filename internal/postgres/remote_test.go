package postgres_test

import (
	"testing"

	"tenantry/internal/postgres"
)

func TestRemoteHost(t *testing.T) {
	t.Setenv("PGHOST", "/run/postgresql")
	for url, want := range map[string]string{
		"postgres://u:p@localhost/d":                     "",
		"postgres://u:p@LOCALHOST:5433/d":                "",
		"postgres://u:p@127.0.0.1/d":                     "",
		"postgres://u:p@127.8.9.1/d":                     "",
		"postgres://u:p@[::1]/d":                         "",
		"host=::ffff:127.0.0.1 dbname=d":                 "",
		"postgres:///d?host=/var/run/postgresql":         "",
		"postgres:///d":                                  "",
		"host=/tmp dbname=d password=p":                  "",
		"not a URL":                                      "",
		"postgres://u:p@db/d":                            "db",
		"postgres://u:p@db.example.com:6432/d":           "db.example.com",
		"postgres://u:p@10.0.0.7/d":                      "10.0.0.7",
		"postgres://u:p@[2001:db8::1]/d":                 "2001:db8::1",
		"postgres://u:p@0.0.0.0/d":                       "0.0.0.0",
		"postgres://u:p@localhost.example.com/d":         "localhost.example.com",
		"postgres://u:p@127.0.0.1,replica/d":             "replica",
		"postgres://u:p@localhost/d?host=db.example.com": "db.example.com",
		"host=localhost,10.1.1.1 port=5432,5433 user=u":  "10.1.1.1",
	} {
		if got := postgres.RemoteHost(url); got != want {
			t.Errorf("RemoteHost(%q) = %q, want %q", url, got, want)
		}
	}
}
