package adopt

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantry/state"
)

func TestTenantsAreNamedByWhatThePatternLeavesOpen(t *testing.T) {
	t.Parallel()
	for pattern, tests := range map[string]map[string]string{
		"tenant_%":  {"tenant_acme": "acme", "tenant_7": "7", "tenant_": "tenant", "tenant_a b": "a-b", "tenant_ü": "tenant", "tenant__x": "x"},
		"%_app":     {"acme_app": "acme"},
		"%":         {"acme": "acme"},
		"c%_%":      {"c1_x": "c1_x"},
		"exactly_a": {"exactly_a": "exactly_a"},
	} {
		got := make(map[string]string)
		for name := range tests {
			p := parsePattern(pattern)
			if !p.match.MatchString(name) {
				t.Errorf("%s does not match %s", name, pattern)
			}
			n := ids{pattern: p, taken: make(map[string]bool)}
			got[name] = n.of(name)
		}
		if diff := cmp.Diff(tests, got); diff != "" {
			t.Errorf("%s: %s", pattern, diff)
		}
	}
	for pattern, name := range map[string]string{"tenant_%": "tenantXacme", "a.c": "abc", "%_app": "acme_apps"} {
		if parsePattern(pattern).match.MatchString(name) {
			t.Errorf("%s matches %s", pattern, name)
		}
	}
}

func TestNoTwoTenantsHaveOneID(t *testing.T) {
	t.Parallel()
	n := ids{pattern: parsePattern("t_%"), taken: make(map[string]bool)}
	var got []string
	for _, name := range []string{"t_Acme", "t_acme", "t_a b", "t_a-b", "t_a.b"} {
		got = append(got, n.of(name))
	}
	if diff := cmp.Diff([]string{"Acme", "acme-2", "a-b", "a-b-2", "a-b-3"}, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever a schema is called, its tenant's id is one that tenants.yaml takes, and
// the file leads back to the schema; or the schema is left out, with a reason.
func FuzzAnyNameOfASchema(f *testing.F) {
	for _, name := range []string{"tenant_a", "yes", "tenant_1e3", "tenant_null", "it's", "tenant_", "pg_x", "tenantry", "{id}", " ", "tenant_0123", "tenant_-x"} {
		f.Add(name, "tenant_%")
	}
	f.Fuzz(func(t *testing.T, name, match string) {
		if why := unusable(name); why != "" {
			return
		}
		s := survey{pattern: parsePattern(match), options: Options{Service: "app"}, out: &Result{}}
		n := ids{pattern: s.pattern, taken: make(map[string]bool)}
		s.out.Groups = []Group{{Template: true, Tenants: []Tenant{{ID: n.of(name), Schema: name}}}}
		text, err := s.tenantsFile()
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		file, err := state.Parse("tenants.yaml", []byte(text), state.Options{})
		if err != nil {
			t.Fatalf("%q: %v\n%s", name, err, text)
		}
		if targets := file.Targets(); len(targets) != 1 || targets[0].Schema != name {
			t.Errorf("%q became %+v", name, targets)
		}
	})
}
