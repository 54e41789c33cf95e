//go:build linux || darwin

package atlascli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// The SDK starts the binary itself, and ends it alone: what it has started lives
// on, and holds the pipes that the SDK reads to their end. So we have it start us,
// and become the binary as the leader of a process group, which can be ended as a
// whole.

// The environment variables that make a process become the binary.
const (
	becomeVariable = "TENANTRY_ATLAS_BECOME" // the binary's path
	pidVariable    = "TENANTRY_ATLAS_PID"    // the file to write the process id to
)

// hooked says that this program calls Become.
var hooked bool

// Become is to be called by every program that opens an Engine, before all else.
// In a process that was started to become the binary it does not return.
func Become() {
	hooked = true
	path := os.Getenv(becomeVariable)
	if path == "" {
		return
	}
	fmt.Fprintln(os.Stderr, become(path))
	os.Exit(1)
}

// become returns only where it fails.
func become(path string) error {
	runtime.LockOSThread() // who dies with a parent is a thread; it has to be the one that becomes the binary
	// With nobody left in the group to be told apart from, the group is ours to end.
	if err := syscall.Setpgid(0, 0); err != nil {
		return err
	}
	if err := dieWithParent(); err != nil {
		return err
	}
	if err := os.WriteFile(os.Getenv(pidVariable), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return err
	}
	for _, name := range []string{becomeVariable, pidVariable} {
		if err := os.Unsetenv(name); err != nil {
			return err
		}
	}
	return syscall.Exec(path, append([]string{path}, os.Args[1:]...), os.Environ())
}

// A starter is how the SDK is to start the binary, and how to end it.
type starter struct {
	path string
	env  map[string]string
	pid  string // a file
}

func starterOf(binary, pid string) (*starter, error) {
	if !hooked {
		return nil, errors.New("this program does not call atlascli.Become")
	}
	path, err := exec.LookPath(binary)
	if err != nil {
		return nil, notFound(binary)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return &starter{path: self, env: map[string]string{becomeVariable: path, pidVariable: pid}, pid: pid}, nil
}

// kill ends the binary and all that it has started. Before it has written its
// process id it is still us, and the SDK ends it.
func (s *starter) kill() {
	text, err := os.ReadFile(s.pid)
	if err != nil {
		return
	}
	if pid, err := strconv.Atoi(string(text)); err == nil && pid > 1 {
		_ = unix.Kill(-pid, unix.SIGKILL)
	}
}
