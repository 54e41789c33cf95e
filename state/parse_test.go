package state

import (
	"errors"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tenantry/internal/diag"
)

var update = flag.Bool("update", false, "write the expected diagnostics anew")

// environment is what the files of the tests may use.
func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"DATABASE_URL": "postgres://app:s3cret@db/main",
		"EU_SECRETS":   "/run/secrets",
		"EMPTY":        "",
		"DOLLARS":      "a${b}$$c",
	}[name]
	return value, ok
}

// parse parses src as tenants.yaml in that environment.
func parse(t *testing.T, src string) *File {
	t.Helper()
	f, err := Parse("tenants.yaml", []byte(src), Options{LookupEnv: environment})
	if err != nil {
		t.Fatalf("Parse:\n%v\nof:\n%s", err, src)
	}
	return f
}

// refused parses src and returns the diagnostics.
func refused(t *testing.T, src string) string {
	t.Helper()
	f, err := Parse("tenants.yaml", []byte(src), Options{LookupEnv: environment})
	if err == nil {
		t.Fatalf("Parse took:\n%s", src)
	}
	if f != nil {
		t.Error("Parse returned a file beside the error")
	}
	return err.Error()
}

// sameFile compares two files by what they say, not by where.
var sameFile = cmp.Options{
	cmpopts.IgnoreTypes(diag.Pos{}),
	cmpopts.IgnoreFields(File{}, "Path"),
	cmpopts.IgnoreUnexported(File{}, Database{}),
	cmpopts.EquateEmpty(),
}

func TestTheShortFormTakesItsServicesFromTheOptions(t *testing.T) {
	t.Parallel()
	f, err := Parse("tenants.yaml", []byte("tenants: [acme, globex]"), Options{Services: []string{"identity", "learn"}})
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Databases: []Database{{Name: "main"}},
		Defaults:  Defaults{Database: "main", Schema: "tenant_{id}", Services: []string{"identity", "learn"}},
		Policy:    Policy{Destructive: DestructiveDeny, LockTimeout: 3 * time.Second, Parallelism: 4, MaxFailures: 5, RetireAfter: 720 * time.Hour, Drift: DriftHeal},
		Tenants: []Tenant{
			{ID: "acme", Database: "main", Schema: "tenant_{id}", Services: []string{"identity", "learn"}},
			{ID: "globex", Database: "main", Schema: "tenant_{id}", Services: []string{"identity", "learn"}},
		},
	}
	if diff := cmp.Diff(want, f, sameFile); diff != "" {
		t.Error(diff)
	}
	if got, want := f.Tenants[1].Pos.String(), "tenants.yaml:1:17"; got != want {
		t.Errorf("globex is at %s, want %s", got, want)
	}
}

func TestSharedServicesAreLeftOutOfTheServicesOfTheOptions(t *testing.T) {
	t.Parallel()
	f, err := Parse("tenants.yaml", []byte("shared: [identity]\ntenants: [acme]"), Options{Services: []string{"identity", "learn"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"learn"}, f.Tenants[0].Services); diff != "" {
		t.Error(diff)
	}
}

const longForm = `# yaml-language-server: $schema=./tenants.schema.json
version: 1
databases:                          # optional: without it one database, "main", from $DATABASE_URL
  main: {url: "${DATABASE_URL}"}
  eu:   {url_file: "${EU_SECRETS}/eu"}
shared: [identity]                  # once per database
defaults:
  database: main
  schema: "tenant_{id}"             # or "{id}_{service}": one schema per service
  services: [community, learn, challenge]
policy:
  destructive: deny                 # deny | if-empty | allow
  lock_timeout: 3s
  parallelism: 4
  max_failures: 5
rollout:                            # waves, in order; the last takes whoever is left
  - match: {ring: canary}
    pause: 5m
    check: SELECT count(*) > 0 FROM users
    max_failures: 1
  - percent: 25
  - count: 10
  - percent: 100
tenants:
  - acme
  - id: globex
    name: Globex Corporation
    services: [community, learn]
    database: eu
    labels: {plan: gold, ring: canary}
    vars: {region: eu}              # HCL input variables; part of the blueprint
  - id: initech
    state: active
`

func TestTheLongFormSaysEverything(t *testing.T) {
	t.Parallel()
	all := []string{"community", "learn", "challenge"}
	want := &File{
		Databases: []Database{{Name: "eu", URLFile: "/run/secrets/eu"}, {Name: "main", URL: "postgres://app:s3cret@db/main"}},
		Shared:    []string{"identity"},
		Defaults:  Defaults{Database: "main", Schema: "tenant_{id}", Services: all},
		Policy:    DefaultPolicy,
		Rollout: []Wave{
			{Match: map[string]string{"ring": "canary"}, Pause: 5 * time.Minute, Check: "SELECT count(*) > 0 FROM users", MaxFailures: 1},
			{Percent: 25}, {Count: 10}, {Percent: 100},
		},
		Tenants: []Tenant{
			{ID: "acme", Services: all, Database: "main", Schema: "tenant_{id}"},
			{
				ID: "globex", Name: "Globex Corporation", Services: all[:2], Database: "eu", Schema: "tenant_{id}",
				Labels: map[string]string{"plan": "gold", "ring": "canary"},
				Vars:   map[string]string{"region": "eu"},
			},
			{ID: "initech", Services: all, Database: "main", Schema: "tenant_{id}"},
		},
	}
	f := parse(t, longForm)
	if diff := cmp.Diff(want, f, sameFile); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]string{
		"identity": "tenants.yaml:6:10", "learn": "tenants.yaml:10:25", "nowhere": "tenants.yaml",
	} {
		if got := f.ServicePos(name).String(); got != want {
			t.Errorf("ServicePos(%q) = %s, want %s", name, got, want)
		}
	}
}

func TestBrokenFilesAreExplained(t *testing.T) {
	t.Parallel()
	paths, _ := filepath.Glob("testdata/broken/*.yaml")
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := refused(t, string(src)) + "\n"
			golden := strings.TrimSuffix(path, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, _ := os.ReadFile(golden)
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEveryCodeHasABrokenFile(t *testing.T) {
	t.Parallel()
	elsewhere := []string{CodeMissingFile, CodeUnreadableFile, CodeFileTooLarge, CodeUnknownTenant}
	var explained strings.Builder
	goldens, _ := filepath.Glob("testdata/broken/*.txt")
	for _, path := range goldens {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		explained.Write(text)
	}
	for _, code := range codes(t) {
		if !slices.Contains(elsewhere, code) && !strings.Contains(explained.String(), "error["+code+"]") {
			t.Errorf("no file in testdata/broken shows %s", code)
		}
	}
}

// codes returns the constants of diagnostics.go that are codes.
func codes(t *testing.T) (codes []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "diagnostics.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Code") {
			code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, code)
		}
		return true
	})
	return codes
}

// What the caller says of a service comes with what else is wrong, once and where
// the service is mentioned first.
func TestServicesAreCheckedByTheCaller(t *testing.T) {
	t.Parallel()
	check := func(service string, at diag.Pos) error {
		var diags diag.List
		if service != "learn" {
			diags.Errorf(at, "unknown-service", "no %s", service)
		}
		return diags.Err()
	}
	src := "tenants:\n  - {id: a, services: [learn, lern]}\n  - {id: b, schma: x}\n  - {id: c, services: [lern]}\n"
	_, err := Parse("tenants.yaml", []byte(src), Options{Services: []string{"learn"}, CheckService: check})
	want := `tenants.yaml:2:31: error[unknown-service]: no lern
tenants.yaml:3:13: error[unknown-field]: "schma" is not a field of a tenant (did you mean "schema"?)`
	if err == nil || err.Error() != want {
		t.Errorf("Parse: %v\nwant: %s", err, want)
	}
}

func TestLoadExplainsAFileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "none.yaml"): `error[missing-file]: there is no such file (to begin, write "tenants: [acme]" into it)`,
		dir:                             `error[unreadable-file]: cannot be read: is a directory`,
	} {
		_, err := Load(path, Options{})
		if want := path + ": " + want; err == nil || err.Error() != want {
			t.Errorf("Load: %v\nwant: %s", err, want)
		}
		if _, ok := errors.AsType[diag.List](err); !ok {
			t.Errorf("Load returned a %T", err)
		}
	}
}

func TestLoadReadsAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tenants.yaml")
	if err := os.WriteFile(path, []byte(longForm), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Load(path, Options{LookupEnv: environment})
	if err != nil || f.Path != path || len(f.Tenants) != 3 {
		t.Errorf("Load: %v, %v", f, err)
	}
}

func TestAFileOfMoreThan64MiBIsRefused(t *testing.T) {
	t.Parallel()
	src := make([]byte, maxSize+1)
	_, err := Parse("tenants.yaml", src, Options{})
	if want := "tenants.yaml: error[file-too-large]: the file has more than 64 MiB"; err == nil || err.Error() != want {
		t.Error(err)
	}
}
