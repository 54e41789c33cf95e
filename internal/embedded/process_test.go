//go:build linux || darwin

package embedded

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestProcessesShareOneServer(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	var helpers []*helper
	for range 6 {
		helpers = append(helpers, newHelper(t, dir))
	}
	url := helpers[0].url()
	for _, h := range helpers[1:] {
		if got := h.url(); got != url {
			t.Errorf("one is at %s, another at %s", url, got)
		}
	}
	pid := readPostmaster(filepath.Join(dir, "postgres", "data")).pid
	last := helpers[len(helpers)-1]
	for _, h := range helpers[:len(helpers)-1] {
		h.finish()
		if got := query(t, url, "SELECT 'here'"); got != "here" {
			t.Fatal("the server went before its last user did")
		}
	}
	if now := readPostmaster(filepath.Join(dir, "postgres", "data")).pid; now != pid {
		t.Errorf("the server was restarted: %d, then %d", pid, now)
	}
	last.finish()
	wantGone(t, dir)
}

func TestProcessesComeAndGo(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	done := make(chan struct{})
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 4 {
				s, err := Start(t.Context(), fast(dir))
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	for range 4 {
		<-done
	}
	wantGone(t, dir)
}

func TestServerOutlivesItsKilledParent(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	parent := newHelper(t, dir)
	url := parent.url()
	query(t, url, "CREATE TABLE kept AS SELECT 1")
	pid := readPostmaster(filepath.Join(dir, "postgres", "data")).pid
	if group, err := syscall.Getpgid(pid); err != nil || group != pid {
		t.Errorf("the server is in process group %d (%v), which Ctrl-C may reach", group, err)
	}
	parent.kill()

	s := begin(t, fast(dir))
	if s.PID() != pid {
		t.Errorf("another server: %d, then %d", pid, s.PID())
	}
	query(t, s.URL(), "TABLE kept")
	check(t, s.Close())
	wantGone(t, dir)
}

func TestKilledServerIsStartedAgain(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := begin(t, fast(dir))
	query(t, s.URL(), "CREATE TABLE kept AS SELECT 1")
	check(t, syscall.Kill(s.PID(), syscall.SIGKILL))
	again := begin(t, fast(dir))
	query(t, again.URL(), "SELECT count(*)::text FROM kept")
	if s.URL() != again.URL() {
		t.Error("the first user's URL is no longer good")
	}
	check(t, again.Close())
	query(t, s.URL(), "SELECT 'the first user still needs it'")
}

func TestKilledWhileMakingTheData(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	parent := newHelper(t, dir)
	until(t, "initdb is half way", func() bool {
		found, _ := filepath.Glob(filepath.Join(dir, "postgres", "init-*", "data", "PG_VERSION"))
		return len(found) > 0
	})
	parent.kill()
	s := begin(t, fast(dir))
	query(t, s.URL(), "SELECT 'works'")
	left, _ := filepath.Glob(filepath.Join(dir, "postgres", "init-*", "secret"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestStalePidFile(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	for name, content := range map[string]func(t *testing.T, s *Server, old string) string{
		"dead process": func(t *testing.T, s *Server, old string) string { return old },
		"number given to another process": func(t *testing.T, s *Server, old string) string {
			other := s.home.user.command("/bin/sleep", "60")
			check(t, other.Start())
			t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
			_, rest, _ := strings.Cut(old, "\n")
			return fmt.Sprintf("%d\n%s", other.Process.Pid, rest)
		},
		"empty": func(*testing.T, *Server, string) string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, fast(dir))
			path := pidFile(s.home.data())
			old, err := os.ReadFile(path)
			check(t, err)
			check(t, s.Close())
			check(t, os.WriteFile(path, []byte(content(t, s, string(old))), 0o600))
			check(t, s.home.user.give(path))
			again := begin(t, fast(dir))
			query(t, again.URL(), "SELECT 'works'")
		})
	}
}

// TestCopiedFolder copies the folder of a running server, postmaster.pid and all: the copy must get a server of its own.
func TestCopiedFolder(t *testing.T) {
	t.Parallel()
	dir, copied := folder(t), folder(t)
	s := begin(t, fast(dir))
	query(t, s.URL(), "CHECKPOINT")
	check(t, exec.Command("cp", "-a", dir, copied).Run())
	other := begin(t, fast(copied))
	if s.PID() == other.PID() || s.URL() == other.URL() {
		t.Error("the copy uses the original's server")
	}
	check(t, other.Close())
	query(t, s.URL(), "SELECT 'still here'")
}
