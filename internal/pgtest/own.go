package pgtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tenantry/internal/embedded"
	"tenantry/internal/memdir"
)

// Own is a server that one test has for itself, to stop, start and crash. Its URL stays the same throughout, unless somebody
// takes the port while it is down.
type Own struct {
	t       testing.TB
	options embedded.Options
	server  *embedded.Server
}

// Server starts a server for this test alone, with its own data directory. Both go when the test ends. A test that only
// needs a database uses URL, which is much faster. Settings are more of those of postgresql.conf, as name=value.
func Server(t testing.TB, settings ...string) *Own {
	t.Helper()
	return serverOf(t, find(t).Dir, settings...)
}

func serverOf(t testing.TB, bin string, settings ...string) *Own {
	t.Helper()
	sweepOwn()
	// Not t.TempDir: nobody but us may enter that, and for root the server runs as another user.
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", filepath.Base(ownPrefix()), os.Getpid()))
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		t.Fatal("pgtest: ", err)
	}
	o := &Own{t: t, options: options(dir, bin)}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		o.options.Settings[name] = value
	}
	t.Cleanup(o.remove)
	o.Start()
	return o
}

// URL is how to connect to the server's one database as superuser.
func (o *Own) URL() string { return o.server.URL() }

// Start starts the server after a Stop.
func (o *Own) Start() {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	server, err := embedded.Start(ctx, o.options)
	if err != nil {
		o.t.Fatal("pgtest: ", err)
	}
	o.server = server
}

// Stop stops the server the orderly way: sessions are ended, everything is written.
func (o *Own) Stop() {
	o.t.Helper()
	if err := o.server.Close(); err != nil {
		o.t.Fatal("pgtest: ", err)
	}
}

// Crash stops the server at once, as a power cut would, and starts it again.
func (o *Own) Crash() {
	o.t.Helper()
	process, err := os.FindProcess(o.server.PID())
	if err == nil {
		err = process.Signal(syscall.SIGQUIT)
	}
	if err != nil {
		o.t.Fatal("pgtest: ", err)
	}
	o.Stop()
	o.Start()
}

func (o *Own) remove() {
	if o.server != nil {
		o.Stop()
	}
	if err := removeOwn(o.options.Dir); err != nil {
		o.t.Errorf("pgtest: %v", err)
	}
}

// ownPrefix begins the path of the folder of each server of a test's own; the number of the test process follows.
func ownPrefix() string {
	return filepath.Join(memdir.Dir(), fmt.Sprintf("tenantry-own-%d-", os.Getuid()))
}

// sweepOwn removes what killed test processes have left, running servers included.
func sweepOwn() {
	found, _ := filepath.Glob(ownPrefix() + "*")
	for _, dir := range found {
		pid, _, _ := strings.Cut(strings.TrimPrefix(dir, ownPrefix()), "-")
		if n, err := strconv.Atoi(pid); err == nil && !processLives(n) {
			_ = removeOwn(dir)
		}
	}
}

func removeOwn(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := embedded.Remove(ctx, dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// processLives says whether there is a process of that number.
func processLives(pid int) bool {
	process, err := os.FindProcess(pid)
	return err == nil && process.Signal(syscall.Signal(0)) == nil
}
