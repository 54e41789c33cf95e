package schema

import "testing"

func TestQualifiersAreReplacedWhereTheyAreNames(t *testing.T) {
	for _, c := range []struct{ sql, want string }{
		{"SELECT * FROM identity.users", "SELECT * FROM scratch.users"},
		{`SELECT * FROM "identity".users, Identity.teams`, "SELECT * FROM scratch.users, scratch.teams"},
		{"SELECT identity FROM my_identity.x, x.identity.y, identity", "SELECT identity FROM my_identity.x, x.identity.y, identity"},
		{"SELECT 'identity.users', E'\\'identity.users', $$identity.users$$, $a$ $$ identity.b $a$", "SELECT 'identity.users', E'\\'identity.users', $$identity.users$$, $a$ $$ identity.b $a$"},
		{"-- identity.users\n/* identity.users */ identity.x", "-- identity.users\n/* identity.users */ scratch.x"},
		{`SELECT "a""identity.b", 'it''s identity.c', identity.d`, `SELECT "a""identity.b", 'it''s identity.c', scratch.d`},
		{"f($1, identity.a)", "f($1, scratch.a)"},
	} {
		if got := replaceQualifier(c.sql, "identity", "scratch"); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.sql, got, c.want)
		}
	}
}
