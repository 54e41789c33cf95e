package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestADatabaseNeverPrintsItsURL(t *testing.T) {
	t.Parallel()
	f := parse(t, longForm)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&out, verb+verb+verb+"\n", f.Databases[1], &f.Databases[1], *f)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("read", "database", f.Databases[1], "file", f)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("read", "database", f.Databases[1], "file", f)
	if err := json.NewEncoder(&out).Encode(f); err != nil {
		t.Fatal(err)
	}
	text, err := f.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	if strings.Contains(out.String(), "s3cret") || strings.Contains(out.String(), fmt.Sprintf("%x", "s3cret")) {
		t.Error(out.String())
	}
}

func TestDiagnosticsNeverQuoteAURL(t *testing.T) {
	t.Parallel()
	const url = "postgres://app:s3cret@db/main"
	for _, src := range []string{
		"databases: {main: {url:" + url + "}}",
		"databases: {main: " + url + "}",
		"databases: {main: [" + url + "]}",
		"databases: {\"" + url + "\": {}}",
		"databases: {main: {urll: " + url + "}}",
		"databases: {main: {url: !" + url + " x}}",
		"databases:\n  main:\n    url: " + url + "${\n",
		"databases:\n  main:\n    url: \"" + url + "\n",
		"databases:\n  main:\n    " + url + "\n",
		"databases: " + url + "\n",
		"databases:\n  " + url + "\n  " + url + "\n",
		url,
		"defaults: {database: \"" + url + "\"}",
		"databases: {main: {url: *" + url + "}}",
		"databases: {main: {url: \"${" + url + "}\"}}",
	} {
		if got := refused(t, src+"\ntenants: [a]\n"); strings.Contains(got, "s3cret") {
			t.Errorf("%s\n%s", src, got)
		}
	}
}

func TestVariablesAreReplacedInURLs(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"${DATABASE_URL}":         "postgres://app:s3cret@db/main",
		"a${EMPTY}b":              "ab",
		"pa$$word$":               "pa$word$",
		"$${DATABASE_URL}":        "${DATABASE_URL}",
		"$DATABASE_URL":           "$DATABASE_URL",
		"x${DOLLARS}":             "xa${b}$$c",
		"${EU_SECRETS}${DOLLARS}": "/run/secretsa${b}$$c",
	} {
		src := services + "databases: {main: {url: \"" + written + "\"}}\ntenants: [a]\n"
		if got := parse(t, src).Databases[0].URL; got != want {
			t.Errorf("%s is %q, want %q", written, got, want)
		}
		f, err := Parse("tenants.yaml", []byte(src), Options{})
		if err != nil || f.Databases[0].URL != written {
			t.Errorf("without an environment %s: %v, %v", written, f, err)
		}
	}
}

// Where a tenant may have been is what the urls with marks come to for it, with the
// labels that there are.
func TestWhereATenantMayHaveBeen(t *testing.T) {
	t.Parallel()
	f := parse(t, `
defaults: {services: [app]}
databases: {main: {url: a}, silo: {url: "b/${id}"}, region: {url: "c/${labels.region}"}, both: {url: "d/${labels.region}/${id}"}}
tenants:
  - {id: acme, database: main}
  - {id: globex, database: region, labels: {region: eu}}
  - {id: wayne, database: both, labels: {region: us, plan: gold}}
`)
	for in, want := range map[string]string{
		"main":      "both/eu/x d/eu/x, both/us/x d/us/x, region/eu c/eu, region/us c/us, silo/x b/x",
		"region/eu": "both/eu/x d/eu/x, both/us/x d/us/x, region/us c/us, silo/x b/x",
		"silo/x":    "both/eu/x d/eu/x, both/us/x d/us/x, region/eu c/eu, region/us c/us",
		"both/us/x": "both/eu/x d/eu/x, region/eu c/eu, region/us c/us, silo/x b/x",
	} {
		var got []string
		for _, d := range f.Others()("x", in) {
			got = append(got, d.Name+" "+d.URL)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("in %s: %s, want %s", in, strings.Join(got, ", "), want)
		}
	}
}
