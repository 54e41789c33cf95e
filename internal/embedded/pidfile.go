//go:build linux || darwin

package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// postmaster is what PostgreSQL writes of itself to postmaster.pid in its data directory.
type postmaster struct {
	pid   int
	port  int
	ready bool // it accepts connections
}

// readPostmaster reads the file. One that is missing or not yet whole gives the zero value.
func readPostmaster(data string) postmaster {
	content, err := os.ReadFile(pidFile(data))
	if err != nil {
		return postmaster{}
	}
	// pid, data directory, start time, port, socket directory, listen address, shared memory, status
	lines := strings.Split(string(content), "\n")
	if len(lines) < 8 {
		return postmaster{}
	}
	pid, err1 := strconv.Atoi(strings.TrimSpace(lines[0]))
	port, err2 := strconv.Atoi(strings.TrimSpace(lines[3]))
	if err1 != nil || err2 != nil || pid <= 0 {
		return postmaster{}
	}
	return postmaster{pid: pid, port: port, ready: strings.TrimSpace(lines[7]) == "ready"}
}

// disarmPidFile makes a postmaster.pid that a dead server left behind harmless. It is called with the server's lock held,
// so the process that the file names, if there is one, has been given the number since. PostgreSQL would refuse to start
// where that process runs as the same user. It does not mind its own parent, so the file is made to name this process. It is not
// removed, because PostgreSQL also looks there for the shared memory of the dead server and whether that is still in use.
func disarmPidFile(data string) error {
	path := pidFile(data)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, rest, found := strings.Cut(string(content), "\n")
	if !found {
		return os.Remove(path) // cut off by a crash while it was written
	}
	return os.WriteFile(path, fmt.Appendf(nil, "%d\n%s", os.Getpid(), rest), 0o600)
}

func pidFile(data string) string { return filepath.Join(data, "postmaster.pid") }
