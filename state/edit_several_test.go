package state_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantry/state"
)

func TestSeveralTenantsAreAddedAsIfOneAfterTheOther(t *testing.T) {
	t.Parallel()
	added := []state.Tenant{{ID: "initech"}, {ID: "umbrella", Name: "Umbrella: the academy", Labels: map[string]string{"plan": "gold"}}, {ID: "stark"}}
	options := state.Options{Services: []string{"app"}}
	for name, src := range map[string]string{
		"a list":                 "tenants:\n  - acme # the first\n  - globex\n",
		"mappings":               "tenants:\n- id: acme\n  name: Acme\n\n- id: globex\n\npolicy: {parallelism: 2}\n",
		"without a line break":   "tenants:\n  - acme",
		"in brackets":            "tenants: [acme, globex]\n",
		"in brackets, by line":   "tenants: [\n  acme, # one\n  globex,\n]\n",
		"none, where that is so": "allow_empty: true\ntenants: []\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := []byte(src)
			for _, one := range added {
				var err error
				if want, err = state.AddTenant("tenants.yaml", want, one, options); err != nil {
					t.Fatal(err)
				}
			}
			got, err := state.AddTenants("tenants.yaml", []byte(src), added, options)
			if err != nil {
				t.Fatal(err)
			}
			gotFile, err := state.Parse("tenants.yaml", got, options)
			if err != nil {
				t.Fatal(err)
			}
			wantFile, _ := state.Parse("tenants.yaml", want, options)
			ids := func(f *state.File) (all []string) {
				for _, one := range f.Tenants {
					all = append(all, one.ID, one.Name, one.Labels["plan"])
				}
				return all
			}
			if d := cmp.Diff(ids(wantFile), ids(gotFile)); d != "" {
				t.Errorf("other tenants than one after the other (-one by one +at once):\n%s\n%s", d, got)
			}
		})
	}
	if _, err := state.AddTenants("tenants.yaml", []byte("tenants: [acme]\n"), []state.Tenant{{ID: "a"}, {ID: "a"}}, options); err == nil {
		t.Error("two of one id were added")
	}
	if _, err := state.AddTenants("tenants.yaml", []byte("tenants:\n  - acme\n"), []state.Tenant{{ID: "a"}, {ID: "a"}}, options); err == nil {
		t.Error("two of one id were added to a list")
	}
}
