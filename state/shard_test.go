package state

import (
	"fmt"
	"testing"
	"time"
)

// Every tenant is of exactly one share, each share has about as many, and whose a
// tenant is does not change.
func TestShards(t *testing.T) {
	t.Parallel()
	const n = 4
	counts := make([]int, n+1)
	for i := range 1000 {
		id, of := fmt.Sprintf("tenant-%d", i), 0
		for k := 1; k <= n; k++ {
			if (Shard{k, n}).Takes(id) {
				of++
				counts[k]++
			}
		}
		if of != 1 {
			t.Fatalf("%s is of %d shares", id, of)
		}
	}
	for k, c := range counts[1:] {
		if c < 150 || c > 350 {
			t.Errorf("share %d has %d of 1000", k+1, c)
		}
	}
	if !(Shard{3, 3}).Takes("acme") || !(Shard{}).Takes("acme") {
		t.Error("acme has always been of the share 3/3")
	}
	for _, wrong := range []string{"", "1", "0/2", "3/2", "a/b", "1/0", "1/2000", "1/2/3"} {
		if s, err := ParseShard(wrong); err == nil {
			t.Errorf("%q is %v", wrong, s)
		}
	}
}

// The marks in a url stand for what a tenant has. One that lacks it is told.
func TestADatabaseForEachTenant(t *testing.T) {
	t.Parallel()
	f := parse(t, `
shared: [identity]
databases:
  main: {url: postgres://db/main}
  silo: {url: "postgres://db/t_${id}"}
  region: {url: "postgres://${labels.region}.db/app", parallelism: 2}
defaults: {database: main, services: [app]}
tenants:
  - acme
  - {id: globex, database: silo}
  - {id: initech, database: region, labels: {region: eu/west}}
  - {id: stark, database: region, labels: {region: eu/west}}
`)
	want := "main postgres://db/main 0 false\nregion/eu/west postgres://eu%2Fwest.db/app 2 true\nsilo/globex postgres://db/t_globex 0 true\n"
	got := ""
	for _, d := range f.Places() {
		got += fmt.Sprintln(d.Name, d.URL, d.Parallelism, d.Each)
	}
	if got != want {
		t.Errorf("the databases are\n%swant\n%s", got, want)
	}
	targets := ""
	for _, x := range f.Targets() {
		targets += x.String() + " "
	}
	if want := "main.identity region/eu/west.identity silo/globex.identity main.tenant_acme silo/globex.tenant_globex region/eu/west.tenant_initech region/eu/west.tenant_stark "; targets != want {
		t.Errorf("the targets are %s, want %s", targets, want)
	}
	f = parse(t, "databases: {a: {url: x, citus: true}, b: {url: u, parallelism: 3, lock_timeout: 2s, citus: {convert: true}}, c: {url: z, citus: false}}\ndefaults: {services: [app], database: a}\ntenants: [acme]\n")
	text, err := f.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again := parse(t, string(text))
	for i, d := range f.Databases {
		if back := again.Databases[i]; d.Limits != back.Limits || d.Citus != back.Citus {
			t.Errorf("%s was %+v %+v and is written as %+v %+v", d.Name, d.Limits, d.Citus, back.Limits, back.Citus)
		}
	}
	if b := f.Databases[1]; b.Parallelism != 3 || b.LockTimeout != 2*time.Second || !b.Convert || f.Databases[2].Distributed {
		t.Errorf("%+v %+v", b.Limits, b.Citus)
	}
	_, err = Parse("tenants.yaml", []byte("databases: {r: {url: 'postgres://${labels.region}/a'}}\ndefaults: {services: [app]}\ntenants: [acme]"), Options{})
	if err == nil || err.Error() != `tenants.yaml:3:11: error[missing-label]: the tenant "acme" has no label "region", which the url of the database "r" asks for` {
		t.Errorf("without the label: %v", err)
	}
}
