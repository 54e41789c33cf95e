package schema

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReferencesAreFoundWhereverTheyStand(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string][]string{
		"FOREIGN KEY (a) REFERENCES identity.users(id)":                          {"identity/users"},
		`FOREIGN KEY (a) REFERENCES "We ird"."T ""q"""(id)`:                      {`We ird/T "q"`},
		"AS SELECT u.id, s.t.c FROM identity.users u JOIN \"x\".y ON u.a = b.c":  {"u/id", "s/t", "identity/users", "x/y", "u/a", "b/c"},
		"'not.this'::text || E'nor.\\'this' || (public.email)::text -- nor.this": {"public/email"},
		"f() AS $$ SELECT not.this $$ LANGUAGE sql /* nor.this */":               nil,
		"nextval('numbers'::regclass) + 1.5 + a.b":                               {"a/b"},
		"": nil, ".": nil, "a.": nil, ".a": nil, "a..b": nil, "$": nil, "$x$": nil, `"`: nil,
	} {
		var got []string
		for _, r := range References([]Line{{Definition: sql}}) {
			got = append(got, r.Schema+"/"+r.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", sql, diff)
		}
	}
}

// Whatever a definition is, looking through it ends, and finds names only.
func FuzzReferences(f *testing.F) {
	for _, sql := range []string{"a.b", `"a"."b".c`, "$$ a.b $$ c.d", "E'a.b' || c.d", "/* a.b */ -- c.d", "'"} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		for _, r := range References([]Line{{Definition: sql}}) {
			if r.Schema == "" || len(r.Schema) > len(sql) {
				t.Errorf("%q: %+v", sql, r)
			}
		}
	})
}
