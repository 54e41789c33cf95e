package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// completed returns what the shell is offered, and its directive.
func completed(t *testing.T, path string, args ...string) []string {
	t.Helper()
	code, out, err := reconciledIn(t, path, append([]string{"__complete"}, args...)...)
	if code != 0 {
		t.Errorf("%q: %d\n%s", args, code, err)
	}
	return strings.Split(strings.TrimSpace(out), "\n")
}

// reconciledIn is like reconciled, with the flags after the command: what
// completes has to come first.
func reconciledIn(t *testing.T, path string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	args = append([]string{args[0], "--file", path}, args[1:]...)
	code = run(t.Context(), args, &out, &err)
	return code, out.String(), err.String()
}

const (
	filesToo   = ":0"
	noFiles    = ":4"
	noSpaceYet = ":6" // and no files
	onlySuch   = ":8" // files by the extensions that are offered
)

func TestCompletionOffersWhatTheTenantsFileHas(t *testing.T) {
	t.Parallel()
	path := fleetFile(t)
	globex := "globex\tGlobex Corporation"
	for line, want := range map[string][]string{
		"status ":                  {"acme", globex, "initech", noFiles},
		"status acme ":             {globex, "initech", noFiles},
		"status gl":                {globex, noFiles},
		"diff i":                   {"initech", "identity\ta shared service", noFiles},
		"diff acme ":               {noFiles},
		"tenant suspend ac":        {"acme", noFiles},
		"tenant resume acme ":      {noFiles},
		"tenant retire ini":        {"initech", noFiles},
		"tenant add ":              {noFiles},
		"tenant add x --database ": {"eu", "main", noFiles},
		"tenant add x --service ":  {"learn", "talk", noFiles},
		"tenant add x --label r":   {"ring=canary\t1 tenant", noFiles},
		"tenant list --selector ":  {"plan=gold\t2 tenants", "ring=canary\t1 tenant", noFiles},
		"--tenant ":                {"acme", globex, "initech", noFiles},
		"--tenant acme --exclude ": {globex, "initech", noFiles},
		"status --selector plan":   {"plan=gold\t2 tenants", noFiles},
		"--output ":                {"text", "json", "markdown", "sql", "sarif", noFiles},
		"--engine ":                {"native", "cli", noFiles},
		"--log-format ":            {"text", "json", noFiles},
		"--write j":                {"json=\tjson to a file", noSpaceYet},
		"--write json=":            {filesToo},
		"--parallelism ":           {noFiles},
		"--file ":                  {"yaml", "yml", onlySuch},
		"--config ":                {"hcl", onlySuch},
		"tenant a":                 {"add\tAdds a tenant to tenants.yaml", noFiles},
		"ma":                       {noFiles}, // hidden
	} {
		if diff := cmp.Diff(want, completed(t, path, strings.Split(line, " ")...)); diff != "" {
			t.Errorf("%s\n%s", line, diff)
		}
	}
}

func TestCompletionOffersEveryFormatThatIsWritten(t *testing.T) {
	t.Parallel()
	path := fleetFile(t)
	for _, format := range outputs {
		_, _, err := reconciled(t, path, "--write", format+"="+filepath.Join(filepath.Dir(path), "out"))
		if strings.Contains(err, "is not one of") {
			t.Errorf("%s: %s", format, err)
		}
	}
}

func TestCompletionIsSilentWhereTheFileCannotBeRead(t *testing.T) {
	t.Parallel()
	broken := fleetFile(t)
	if err := os.WriteFile(broken, []byte("tenants: [a, a"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{broken, filepath.Join(t.TempDir(), "none.yaml")} {
		if diff := cmp.Diff([]string{noFiles}, completed(t, path, "status", "")); diff != "" {
			t.Error(diff)
		}
	}
}

func TestCompletionReadsTheFileThatTheEnvironmentNames(t *testing.T) {
	t.Setenv("RECONCILE_FILE", fleetFile(t))
	var out, err strings.Builder
	if run(t.Context(), []string{"__complete", "diff", "ac"}, &out, &err); out.String() != "acme\n:4\n" {
		t.Errorf("%q\n%s", out.String(), err.String())
	}
}

func TestCompletionOfALargeFleetDoesNotKeepAPersonWaiting(t *testing.T) {
	t.Parallel()
	path := fleetFile(t)
	var text strings.Builder
	text.WriteString(fleet)
	for i := range 10_000 {
		fmt.Fprintf(&text, "  - {id: customer-%05d, labels: {plan: gold}}\n", i)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	got := completed(t, path, "diff", "customer-0999")
	took := time.Since(begin)
	t.Logf("10,000 tenants: %s", took)
	if len(got) != 11 || took > 10*time.Second { // a tenth of a second where nothing else runs
		t.Errorf("%s, %q", took, got)
	}
}
