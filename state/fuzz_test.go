package state

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry/internal/diag"
)

// FuzzParse checks that whatever the file is, Parse returns in time, either
// with diagnostics that have a place in the file, or with a File that can be
// written and comes back the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(longForm))
	for _, src := range []string{
		"tenants: [acme, globex]", services + "tenants: [12, a]", "\ufefftenants: []", "tenants:\n- a\r\n- b\r- c",
		"defaults: &d {services: [a]}\ntenants: [&x {id: 1, labels: &l {a: true}}, {id: b, vars: *l}, *x]",
		"a: &a [*a]", "? {a: b}\n: c", "<<: {a: b}", "--- !!map\n...\n---\n", "%YAML 1.1\n---\ntenants: [on]",
		"databases: {b: {url: \"${DOLLARS}$$\"}, a: {url_file: x}}\ndefaults: {services: [s], schema: \"{service}{id}\"}\ntenants: [{id: b, database: a}]",
		services + "tenants:\n  - id: !!str 0x10\n    name: \"\\U0001F600\\L\\_\"\n    vars: {a: |+\n      x\n\n      y}\n",
		"tenants: [\"\xff\"]", "\xff\xfet\x00", "tenants: \x00", "\t- a", "a: 'b", "{a: b, [c]: d, ? e}", "- - - - a\n  -\n b",
	} {
		f.Add([]byte(src))
	}
	broken, _ := filepath.Glob("testdata/broken/*.yaml")
	for _, path := range broken {
		src, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		begin := time.Now()
		file, err := Parse("tenants.yaml", src, Options{LookupEnv: environment})
		if took := time.Since(begin); took > 10*time.Second {
			t.Fatalf("%d bytes took %s", len(src), took)
		}
		if err != nil {
			checkPositions(t, src, err.(diag.List))
			return
		}
		checkTenants(t, src, file)
		text, err := file.Marshal()
		if err != nil {
			t.Fatalf("Marshal: %v\n%s", err, text)
		}
		again, err := Parse("tenants.yaml", text, Options{LookupEnv: environment})
		if err != nil {
			t.Fatalf("Parse: %v\n%s", err, text)
		}
		if diff := cmp.Diff(file, again, sameFile); diff != "" {
			t.Fatalf("%s\n%s", diff, text)
		}
		if diff := cmp.Diff(file.Targets(), again.Targets(), sameFile); diff != "" {
			t.Fatal(diff)
		}
	})
}

// checkPositions checks that every error points into the text.
func checkPositions(t *testing.T, src []byte, list diag.List) {
	t.Helper()
	if len(list) == 0 || len(list) > maxShown+1 {
		t.Fatalf("%d diagnostics", len(list))
	}
	for _, d := range list {
		if _, ok := textAt(src, d.Pos); !ok {
			t.Errorf("%s is not in the text", d)
		}
	}
}

var lineBreak = regexp.MustCompile("\r\n|\r|\n")

// textAt returns what stands at pos, to the end of its line.
func textAt(src []byte, pos diag.Pos) (string, bool) {
	lines := lineBreak.Split(strings.TrimPrefix(string(src), "\ufeff"), -1)
	if pos.Line < 1 || pos.Line > len(lines) || pos.Column < 1 || pos.Column > len(lines[pos.Line-1])+1 {
		return "", false
	}
	return lines[pos.Line-1][pos.Column-1:], true
}

// fields begins a mapping of a tenant's fields.
var fields = regexp.MustCompile(`^(id|name|services|database|schema|labels|vars|state)\s*:`)

// checkTenants checks that every tenant is where its id or its fields are.
func checkTenants(t *testing.T, src []byte, f *File) {
	t.Helper()
	for _, tenant := range f.Tenants {
		at, ok := textAt(src, tenant.Pos)
		if !ok || idPattern.MatchString(at[:min(1, len(at))]) && !strings.HasPrefix(at, tenant.ID) && !fields.MatchString(at) {
			t.Errorf("%s: the tenant %s is at %q", tenant.Pos, tenant.ID, at)
		}
	}
}
