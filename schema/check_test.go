package schema

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"tenantry/internal/diag"
)

var update = flag.Bool("update", false, "write what the tests got to their files in testdata")

// checkVars are the values that the files of testdata/check are checked with.
var checkVars = map[string]cty.Value{"schema": cty.StringVal("tenant"), "replicas": cty.StringVal("many")}

func TestCheckSources(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/check/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".hcl"), func(t *testing.T) {
			t.Parallel()
			golden(t, strings.TrimSuffix(file, ".hcl")+".txt", checkFile(t, file))
		})
	}
}

// checkFile returns the diagnostics of a file, two lines each where there is a
// hint, as a person would read them.
func checkFile(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	diags := check(source{path: filepath.Base(file), data: data})
	var out strings.Builder
	for _, d := range diags {
		hint := d.Hint
		d.Hint = ""
		out.WriteString(d.String() + "\n")
		if hint != "" {
			out.WriteString("\t" + hint + "\n")
		}
	}
	return out.String()
}

func check(sources ...source) diag.List {
	var diags diag.List
	checkSources(&diags, sources, checkVars)
	diags.Sort()
	return diags
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s\nIf it is right, run the test with -update.", file, d)
	}
}

// Every code that the checks can report is in some expectation, so that nobody
// changes one by accident.
func TestEveryCodeIsTested(t *testing.T) {
	t.Parallel()
	read := func(pattern string) string {
		t.Helper()
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		var all strings.Builder
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(data)
		}
		return all.String()
	}
	expected := read("testdata/check/*.txt")
	var codes []string
	for _, m := range regexp.MustCompile(`errorf\([^"]*"([a-z-]+)"`).FindAllStringSubmatch(read("check*.go"), -1) {
		codes = append(codes, m[1])
	}
	if len(codes) < 20 {
		t.Errorf("only %d codes found: %q", len(codes), codes)
	}
	for _, kind := range []string{"schema", "table", "enum", "variable", "local", "column", "index"} {
		codes = append(codes, "duplicate-"+kind)
	}
	for _, kind := range []string{"table", "column", "foreign-key", "index", "unique", "check"} {
		codes = append(codes, "unnamed-"+kind)
	}
	for _, code := range slices.Compact(slices.Sorted(slices.Values(codes))) {
		switch { // the beginnings of codes that end in a kind of thing
		case strings.HasSuffix(code, "-") && strings.Contains(expected, "["+code):
		case strings.Contains(expected, "["+code+"]"):
		default:
			t.Errorf("no file of testdata/check expects %s", code)
		}
	}
}

// What the repository itself holds is right, in every combination of services.
func TestRepositoryIsRight(t *testing.T) {
	t.Parallel()
	p, err := LoadProject("../atlas.hcl", func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	at := diag.Pos{File: "tenants.yaml", Line: 1}
	identity, err := p.SharedBlueprint("identity", nil, at)
	if err != nil {
		t.Fatal(err)
	}
	all := []string{"community", "learn", "challenge"}
	for set := range 1 << len(all) {
		var services []string
		for i, name := range all {
			if set&(1<<i) != 0 {
				services = append(services, name)
			}
		}
		b := identity
		if len(services) > 0 {
			if b, err = p.Blueprint(services, []*Blueprint{identity}, nil, at); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Check(); err != nil {
			t.Errorf("%v: %s", b.Services, err)
		}
	}
}
