//go:build linux || darwin

package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDataOutlivesTheServer(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	o := fast(dir)
	o.Settings = nil // as durable as users have it
	first := begin(t, o)
	query(t, first.URL(), "CREATE TABLE kept AS SELECT 42 AS answer")
	check(t, first.Close())
	check(t, first.Close())
	wantGone(t, dir)
	if first.PID() != 0 {
		t.Error("a stopped server has a process id")
	}

	second := begin(t, o)
	if got := query(t, second.URL(), "SELECT answer::text FROM kept"); got != "42" {
		t.Errorf("answer = %q", got)
	}
	if first.URL() != second.URL() {
		t.Error("the URL changed from one start to the next")
	}
	if got := query(t, second.URL(), "SHOW server_version"); !strings.HasPrefix(got, second.Version()) || second.Version() == "" {
		t.Errorf("Version() = %q, the server says %q", second.Version(), got)
	}
}

func TestSettingsReachTheServer(t *testing.T) {
	t.Parallel()
	o := fast(folder(t))
	o.Settings["max_connections"] = "33"
	o.Settings["listen_addresses"] = "0.0.0.0"
	s := begin(t, o)
	for name, want := range map[string]string{
		"max_connections": "33", "fsync": "off", // the caller's
		"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "password_encryption": "scram-sha-256", // not the caller's to change
		"server_encoding": "UTF8", "lc_collate": "C",
	} {
		sql := fmt.Sprintf("SELECT coalesce(current_setting('%s', true), 'C')", name) // lc_collate is no setting from 16 on
		if got := query(t, s.URL(), sql); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	methods := query(t, s.URL(), "SELECT DISTINCT auth_method FROM pg_hba_file_rules")
	if methods != "scram-sha-256" {
		t.Errorf("authentication by %s", methods)
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := begin(t, fast(dir))
	check(t, s.Close())
	taken, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", s.port))
	check(t, err)
	defer taken.Close()
	if again := begin(t, fast(dir)); again.port == s.port {
		t.Error("two listen on one port")
	}
}

func TestFailedStartSaysWhy(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	o := fast(dir)
	o.Settings["shared_buffers"] = "plenty"
	_, err := Start(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "shared_buffers": "plenty"`) {
		t.Fatalf("error: %v", err)
	}
	wantGone(t, dir)
	begin(t, fast(dir))
}

func TestCancelledStartLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before", "making", "starting"} {
		t.Run(when, func(t *testing.T) {
			dir := folder(t)
			why := errors.New("changed my mind")
			ctx, cancel := context.WithCancelCause(t.Context())
			o := fast(dir)
			o.Log = func(format string, _ ...any) {
				if strings.HasPrefix(format, when) {
					cancel(why)
				}
			}
			if when == "before" {
				cancel(why)
			}
			if _, err := Start(ctx, o); !errors.Is(err, why) {
				t.Fatalf("error: %v", err)
			}
			left, _ := filepath.Glob(filepath.Join(dir, "postgres", "init-*"))
			if len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if when != "before" {
				wantGone(t, dir)
			}
			begin(t, fast(dir))
		})
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := begin(t, fast(dir))
	if err := Remove(t.Context(), dir); err == nil {
		t.Error("removed a server in use")
	}
	check(t, s.Close())
	check(t, Remove(t.Context(), dir))
	if _, err := os.Lstat(filepath.Join(dir, "postgres")); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
	check(t, Remove(t.Context(), dir))
}

func TestLostPassword(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	check(t, begin(t, fast(dir)).Close())
	check(t, os.Remove(filepath.Join(dir, "postgres", "password")))
	if _, err := Start(t.Context(), fast(dir)); err == nil || !strings.Contains(err.Error(), "to start with an empty database") {
		t.Errorf("error: %v", err)
	}
}
