//go:build linux || darwin

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// errPortTaken is returned by launchOn where somebody else listens on the port.
var errPortTaken = errors.New("the port is taken")

// launch starts the server on the port that it had last, or else on a free one.
func (s *Server) launch(ctx context.Context, bin Binaries) error {
	s.options.say("starting PostgreSQL %s on %s", bin.Version, s.home.data())
	port := s.lastPort()
	for range 10 {
		if port == 0 {
			var err error
			if port, err = freePort(); err != nil {
				return err
			}
		}
		err := s.launchOn(ctx, bin, port)
		if !errors.Is(err, errPortTaken) {
			return err
		}
		port = 0
	}
	return errors.New("PostgreSQL found no free port on 127.0.0.1")
}

// lastPort is the port of the last start, or 0.
func (s *Server) lastPort() int {
	content, _ := os.ReadFile(s.home.port())
	port, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil || port < 1024 || port > 65535 {
		return 0
	}
	return port
}

// freePort asks the system for a port that nobody listens on. Somebody may by the time that it is used.
func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// launchOn starts the server on a port and waits until it accepts connections.
func (s *Server) launchOn(ctx context.Context, bin Binaries, port int) error {
	held, err := lockPath(ctx, s.home.serverLock())
	if err != nil {
		return err
	}
	defer held.Close() // the server's processes inherit it, and so keep the lock
	if err := disarmPidFile(s.home.data()); err != nil {
		return err
	}
	log, err := openLog(s.log)
	if err != nil {
		return err
	}
	defer log.Close()
	said, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	cmd := s.home.user.command(filepath.Join(bin.Dir, "postgres"), s.arguments(port)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{held}
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	return s.waitReady(ctx, cmd, exited, func() string { return since(log, said) })
}

// arguments gives postgres its settings: first ours that may be changed, then the caller's, then ours that may not.
func (s *Server) arguments(port int) []string {
	settings := []string{"max_connections=100"}
	for name, value := range s.options.Settings {
		settings = append(settings, name+"="+value)
	}
	slices.Sort(settings[1:])
	settings = append(settings, "listen_addresses=127.0.0.1", fmt.Sprintf("port=%d", port), "unix_socket_directories=",
		"log_destination=stderr", "logging_collector=off")
	args := []string{"-D", s.home.data()}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

// waitReady waits until the server that was just started says in its pid file that it accepts connections. Recovery after
// a crash may take long, so there is no limit but the context's.
func (s *Server) waitReady(ctx context.Context, cmd *exec.Cmd, exited <-chan error, said func() string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-exited:
			return s.failure(err, said())
		case <-ctx.Done():
			abandon(cmd, exited)
			return context.Cause(ctx)
		case <-tick.C:
			if pm := readPostmaster(s.home.data()); pm.pid == cmd.Process.Pid && pm.ready {
				return s.home.writeFile(s.home.port(), fmt.Sprintf("%d\n", pm.port))
			}
		}
	}
}

// failure tells why a server ended that should have started, by what it said.
func (s *Server) failure(err error, said string) error {
	if strings.Contains(said, "Address already in use") {
		return errPortTaken
	}
	said = strings.ReplaceAll(lastLines(said, 15), s.password, "xxxxx")
	return fmt.Errorf("PostgreSQL did not start (%v); the end of %s:%s", err, s.log, indent(said))
}

// abandon ends a server that has not finished starting.
func abandon(cmd *exec.Cmd, exited <-chan error) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		_ = cmd.Process.Signal(signal)
		select {
		case <-exited:
			return
		case <-time.After(5 * time.Second):
		}
	}
	<-exited
}

// openLog opens the server's log for appending, and starts it anew once it is large.
func openLog(path string) (*os.File, error) {
	flags := os.O_RDWR | os.O_CREATE | os.O_APPEND
	if info, err := os.Stat(path); err == nil && info.Size() > 8<<20 {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	return f, ownLikeFolder(path)
}

// since reads what was written to the log after an offset, the last part of it where that is much.
func since(log *os.File, offset int64) string {
	if info, err := log.Stat(); err == nil {
		offset = max(offset, info.Size()-64<<10)
	}
	content, _ := io.ReadAll(io.NewSectionReader(log, offset, 64<<10))
	return string(content)
}
