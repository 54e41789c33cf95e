package state

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMarshalWritesTheCanonicalForm(t *testing.T) {
	t.Parallel()
	const want = `version: 1
databases:
  eu: {url_file: "${EU_SECRETS}/eu"}
  main: {url: "${DATABASE_URL}"}
shared: [identity]
defaults:
  database: main
  schema: "tenant_{id}"
  services: [community, learn, challenge]
policy:
  destructive: deny
  lock_timeout: 3s
  parallelism: 4
  max_failures: 5
  retire_after: 30d
  max_removals: 0
  drift: heal
rollout:
  - match: {ring: canary}
    pause: 5m0s
    check: "SELECT count(*) > 0 FROM users"
    max_failures: 1
  - percent: 25
  - count: 10
  - percent: 100
tenants:
  - acme
  - id: globex
    name: "Globex Corporation"
    services: [community, learn]
    database: eu
    labels: {plan: gold, ring: canary}
    vars: {region: eu}
  - initech
`
	f := parse(t, longForm)
	text, err := f.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(f, parse(t, string(text)), sameFile); diff != "" {
		t.Error(diff)
	}
}

func TestMarshalQuotesWhatNeedsIt(t *testing.T) {
	t.Parallel()
	f := parse(t, services+`tenants:
  - {id: "no", name: "say \"hi\" \\ # x", labels: {a: "yes", "on": "0123", c: "", d: "a: b"}, vars: {e: "1\n2\t\u2028ü😀"}}
`)
	text, err := f.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, parse(t, string(text)), sameFile); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
}

func TestMarshalEscapesTheDollarsOfAURLThatWasNotParsed(t *testing.T) {
	t.Parallel()
	f := &File{
		Databases: []Database{{Name: "main", URL: "pa$${x"}},
		Defaults:  Defaults{Database: "main", Schema: DefaultSchema, Services: []string{"learn"}},
		Policy:    DefaultPolicy,
		Tenants:   []Tenant{{ID: "acme", Services: []string{"learn"}, Database: "main", Schema: DefaultSchema}},
	}
	text, err := f.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, parse(t, string(text)), sameFile); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
}

func TestMarshalRefusesWhatNoFileCouldSay(t *testing.T) {
	t.Parallel()
	f := parse(t, longForm)
	f.Policy.LockTimeout = 2 * time.Hour
	if text, err := f.Marshal(); err == nil {
		t.Errorf("it wrote\n%s", text)
	}
}
