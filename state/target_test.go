package state

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// schemas returns the targets as "database.schema: services".
func schemas(targets []Target) (lines []string) {
	for _, t := range targets {
		lines = append(lines, t.String()+": "+strings.Join(t.Services, " "))
	}
	return lines
}

func TestTargetsAreSharedServicesThenTenants(t *testing.T) {
	t.Parallel()
	want := []string{
		"eu.identity: identity",
		"main.identity: identity",
		"main.tenant_acme: community learn challenge",
		"eu.tenant_globex: community learn",
		"main.tenant_initech: community learn challenge",
	}
	targets := parse(t, longForm).Targets()
	if diff := cmp.Diff(want, schemas(targets)); diff != "" {
		t.Error(diff)
	}
	if globex := targets[3]; globex.Shared() || globex.Vars["region"] != "eu" || globex.Labels["plan"] != "gold" || globex.Pos.Line != 26 {
		t.Errorf("globex: %+v", globex)
	}
	if identity := targets[0]; !identity.Shared() || identity.Service != "identity" || identity.Pos.Line != 6 {
		t.Errorf("identity: %+v", identity)
	}
}

func TestASchemaPerServiceIsATargetPerService(t *testing.T) {
	t.Parallel()
	f := parse(t, `
defaults: {schema: "{id}_{service}", services: [learn, community]}
tenants: [acme, {id: globex, schema: "{service}", services: [challenge]}, {id: initech, schema: all}]
`)
	want := []string{
		"main.acme_learn: learn", "main.acme_community: community", "main.challenge: challenge", "main.all: learn community",
	}
	if diff := cmp.Diff(want, schemas(f.Targets())); diff != "" {
		t.Error(diff)
	}
	if got := f.Targets()[1].Service; got != "community" {
		t.Errorf("the service is %q", got)
	}
}

func TestSharedServicesAreOnlyWhereTenantsAre(t *testing.T) {
	t.Parallel()
	f := parse(t, `
databases: {a: {url: x}, b: {url: z}}
shared: [identity, billing]
defaults: {database: b, services: [learn]}
tenants: [acme]
`)
	if diff := cmp.Diff([]string{"b.identity: identity", "b.billing: billing", "b.tenant_acme: learn"}, schemas(f.Targets())); diff != "" {
		t.Error(diff)
	}
}

func TestOneSchemaInTwoDatabasesIsNoConflict(t *testing.T) {
	t.Parallel()
	f := parse(t, `
databases: {a: {url: x}, b: {url: z}}
defaults: {schema: app, services: [learn]}
tenants: [{id: acme, database: a}, {id: globex, database: b}]
`)
	if diff := cmp.Diff([]string{"a.app: learn", "b.app: learn"}, schemas(f.Targets())); diff != "" {
		t.Error(diff)
	}
}

func TestTheOnlyDatabaseIsTheDefault(t *testing.T) {
	t.Parallel()
	f := parse(t, services+"databases: {eu: {url: x}}\ntenants: [acme]")
	if got := f.Tenants[0].Database; got != "eu" {
		t.Errorf("the database is %q", got)
	}
}

func TestAnEmptyFleetHasNoTargets(t *testing.T) {
	t.Parallel()
	if got := parse(t, "allow_empty: true\nshared: [identity]\ntenants: []").Targets(); len(got) > 0 {
		t.Error(got)
	}
}

func TestSelectKeepsSharedTargets(t *testing.T) {
	t.Parallel()
	targets := parse(t, longForm).Targets()
	for _, test := range []struct {
		name          string
		ids, excludes []string
		selectors     map[string]string
		want          []string
	}{
		{name: "everything", want: []string{"acme", "globex", "initech"}},
		{name: "by id", ids: []string{"initech", "acme"}, want: []string{"acme", "initech"}},
		{name: "all but", excludes: []string{"acme"}, want: []string{"globex", "initech"}},
		{name: "by label", selectors: map[string]string{"ring": "canary", "plan": "gold"}, want: []string{"globex"}},
		{name: "by a label that differs", selectors: map[string]string{"ring": "canary", "plan": "free"}},
		{name: "by both", ids: []string{"acme", "globex"}, excludes: []string{"globex"}, want: []string{"acme"}},
	} {
		got, err := Select(targets, test.ids, test.excludes, test.selectors)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		var tenants []string
		for _, target := range got[2:] {
			tenants = append(tenants, target.Tenant)
		}
		if diff := cmp.Diff(test.want, tenants); diff != "" || !got[0].Shared() || !got[1].Shared() {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func TestSelectRefusesUnknownIDs(t *testing.T) {
	t.Parallel()
	_, err := Select(parse(t, longForm).Targets(), []string{"acmee", "acme"}, []string{"zzz"}, nil)
	want := "error[unknown-tenant]: there is no tenant \"acmee\" (did you mean \"acme\"?)\n" +
		`error[unknown-tenant]: there is no tenant "zzz"`
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}
