//go:build linux || darwin

package embedded

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/memdir"
)

// helperDir makes this test program another process that uses the server of the folder named, until its stdin ends.
const helperDir = "TENANTRY_EMBEDDED_HELPER"

func TestMain(m *testing.M) {
	syscall.Umask(0o022) // the server's user is to reach what the tests make, unless they say otherwise
	if dir := os.Getenv(helperDir); dir != "" {
		os.Exit(help(dir))
	}
	os.Exit(m.Run())
}

// help is the helper's main: it prints the server's URL once it runs.
func help(dir string) int {
	s, err := Start(context.Background(), fast(dir))
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println(s.URL())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := s.Close(); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

// helper is such a process.
type helper struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
}

// newHelper starts one. It does not wait for the server.
func newHelper(t *testing.T, dir string, change ...func(*exec.Cmd)) *helper {
	t.Helper()
	self, err := os.Executable()
	check(t, err)
	h := &helper{t: t, cmd: exec.Command(self)}
	h.cmd.Env = append(os.Environ(), helperDir+"="+dir)
	h.cmd.Stderr = os.Stderr
	for _, f := range change {
		f(h.cmd)
	}
	h.stdin, err = h.cmd.StdinPipe()
	check(t, err)
	out, err := h.cmd.StdoutPipe()
	check(t, err)
	h.out = bufio.NewReader(out)
	check(t, h.cmd.Start())
	return h
}

// url waits for the server and gives its URL.
func (h *helper) url() string {
	h.t.Helper()
	line, err := h.out.ReadString('\n')
	if err != nil || strings.HasPrefix(line, "error") {
		h.t.Fatalf("helper: %s %v", line, err)
	}
	return strings.TrimSpace(line)
}

// finish lets the process close the server and end.
func (h *helper) finish() {
	h.t.Helper()
	h.stdin.Close()
	rest, _ := io.ReadAll(h.out)
	if err := h.cmd.Wait(); err != nil {
		h.t.Fatalf("helper: %v %s", err, rest)
	}
}

// kill ends the process with no chance to close anything.
func (h *helper) kill() {
	h.t.Helper()
	check(h.t, h.cmd.Process.Signal(syscall.SIGKILL))
	_ = h.cmd.Wait()
}

// fast are options for a server whose data is worth nothing.
func fast(dir string) Options {
	return Options{Dir: dir, Bin: os.Getenv("TENANTRY_TEST_POSTGRES"), Settings: map[string]string{"fsync": "off"}}
}

// folder makes a folder for a server, which the user postgres may enter too, and removes it with the server.
func folder(t *testing.T) string {
	t.Helper()
	parent, err := os.MkdirTemp(memdir.Dir(), "embedded-")
	check(t, err)
	check(t, os.Chmod(parent, 0o755))
	dir := filepath.Join(parent, ".tenantry")
	t.Cleanup(func() {
		check(t, Remove(context.Background(), dir))
		check(t, os.RemoveAll(parent))
	})
	return dir
}

// begin starts a server.
func begin(t *testing.T, o Options) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s, err := Start(ctx, o)
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

// query runs a statement and gives its one value, if it has one.
func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	check(t, err)
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), sql)
	check(t, err)
	values, err := pgx.CollectRows(rows, pgx.RowTo[string])
	check(t, err)
	return strings.Join(values, ",")
}

// wantGone fails unless no process of the folder's server lives.
func wantGone(t *testing.T, dir string) {
	t.Helper()
	alive, err := heldByOthers(filepath.Join(dir, "postgres", "server.lock"))
	check(t, err)
	if alive {
		t.Fatal("the server still runs")
	}
}

// until waits for a condition that another process brings about.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for range 6000 {
		if condition() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("waited in vain until " + what)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
