//go:build linux || darwin

package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// Server is a running server, as one process that uses it sees it.
type Server struct {
	options  Options
	home     *home
	start    string   // the path of the start lock
	log      string   // the path of the server's log
	users    *os.File // the shared lock that says that we use the server
	password string
	port     int
	version  string
	leave    func() error
}

// URL is how to connect to the server's database as its superuser. It holds the password.
func (s *Server) URL() string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, s.password),
		Host:     "127.0.0.1:" + strconv.Itoa(s.port),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Version is the server's version, such as "15.13".
func (s *Server) Version() string { return s.version }

// PID is the process id of the running server, or 0 when it does not run.
func (s *Server) PID() int {
	if alive, err := heldByOthers(s.home.serverLock()); err != nil || !alive {
		return 0
	}
	return readPostmaster(s.home.data()).pid
}

// Start starts the server of o.Dir, or joins the one that runs there. On the first start it makes the data directory and
// the database. When the context is done before that has succeeded, nothing stays behind that was not there before, except the
// folder. Each Server is closed once it is not needed.
func Start(ctx context.Context, o Options) (*Server, error) {
	dir, err := makeDir(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("embedded PostgreSQL: %w", err)
	}
	s := &Server{options: o, start: filepath.Join(dir, "postgres.lock"), log: filepath.Join(dir, "postgres.log")}
	s.leave = sync.OnceValue(s.close)
	if err := s.enter(ctx, dir); err != nil {
		return nil, fmt.Errorf("embedded PostgreSQL: %w", err)
	}
	return s, nil
}

// Close says that this process needs the server no longer. The last one that says so stops the server, and returns
// when everything is on disk. Later calls return what the first one did.
func (s *Server) Close() error { return s.leave() }

// enter becomes a user of the server, and starts it if nobody has. Everything happens under the start lock, so that
// starting, joining and stopping never overlap.
func (s *Server) enter(ctx context.Context, dir string) (err error) {
	start, err := lockPath(ctx, s.start, func() {
		s.options.say("waiting for another process that starts or stops PostgreSQL in %s", dir)
	})
	if err != nil {
		return err
	}
	defer start.Close()
	if s.home, err = openHome(dir, s.options); err != nil {
		return err
	}
	if s.users, err = openLock(s.home.usersLock()); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.depart())
		}
	}()
	if err := waitLock(ctx, s.users, syscall.LOCK_SH); err != nil {
		return err
	}
	return s.run(ctx)
}

// run sees to it that the server runs, and connects to it.
func (s *Server) run(ctx context.Context) error {
	if joined, err := s.join(ctx); joined || err != nil {
		return err
	}
	bin, err := s.binaries(ctx)
	if err != nil {
		return err
	}
	if s.password, err = s.home.ensureData(ctx, bin, s.options); err != nil {
		return err
	}
	if err := s.launch(ctx, bin); err != nil {
		return err
	}
	return s.greet(ctx)
}
