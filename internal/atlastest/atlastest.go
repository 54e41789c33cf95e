// Package atlastest gives tests an Atlas binary: a newer one where it is in $PATH,
// else the old one that .ci/atlas builds from source, which takes some minutes the
// first time and is kept in the temporary folder.
package atlastest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Bin is the environment variable that names a binary to test with.
const Bin = "TENANTRY_TEST_ATLAS"

// Old is the version that is built from source.
const Old = "v0.13.1"

// Binary returns the path of an Atlas binary. It fails the test where there is
// none and none can be built.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal("atlastest: ", err)
	}
	return path
}

// IsOld reports whether the binary is the one built from source, whose limits are
// known.
func IsOld(t testing.TB) bool {
	t.Helper()
	version, err := versionOf(Binary(t))
	if err != nil {
		t.Fatal("atlastest: ", err)
	}
	return version == Old
}

// Newest is the newest major version of PostgreSQL that the binary knows. The old
// one asks for settings that 16 no longer has.
func Newest(t testing.TB) int {
	t.Helper()
	if IsOld(t) {
		return 15
	}
	return 99
}

var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(Bin); path != "" {
		return path, nil
	}
	if path, err := exec.LookPath("atlas"); err == nil {
		if _, err := versionOf(path); err == nil { // MongoDB has an atlas too
			return path, nil
		}
	}
	return built(context.Background())
})

var versionLine = regexp.MustCompile(`(?m)^atlas .*version (v\d+\.\d+\.\d+)`)

func versionOf(path string) (string, error) {
	out, err := exec.Command(path, "version").Output()
	if err != nil {
		return "", err
	}
	m := versionLine.FindStringSubmatch(string(out))
	if m == nil {
		return "", fmt.Errorf("%s is not Ariga's Atlas", path)
	}
	return m[1], nil
}

// built builds the old binary, unless one that was built before is there. Test
// processes that come at once wait for the first.
func built(ctx context.Context) (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("tenantry-test-atlas-%d", os.Getuid()))
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o755)); err != nil { // the latter fails if it is somebody else's
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "atlas-"+Old)
	if version, err := versionOf(path); err == nil && version == Old {
		return path, nil
	}
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "sh", filepath.Join(strings.TrimSpace(string(root)), ".ci/atlas/build"), path)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building Atlas %s: %w\n%s", Old, err, out)
	}
	return path, nil
}
