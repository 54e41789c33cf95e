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
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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

// Start starts the server of o.Dir, or joins the one that is running there. On the first start it makes the data directory and the
// database. When the context is done before that has succeeded, nothing stays behind that was not there before, except the
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
	start, err := lockPath(ctx, s.start)
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
	running, err := s.home.settled(ctx)
	if err != nil {
		return err
	}
	if running {
		if s.password, err = s.home.readPassword(); err != nil {
			return err
		}
		return s.greet(ctx)
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

// settled waits until the server either accepts connections or is gone. While it starts or stops it is neither; a server that has
// been killed is gone when the last of its processes is.
func (h *home) settled(ctx context.Context) (running bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, fmt.Errorf("the server of %s neither starts nor stops", h.dir))
	defer cancel()
	for {
		alive, err := heldByOthers(h.serverLock())
		if err != nil || !alive {
			return false, err
		}
		if pm := readPostmaster(h.data()); pm.ready && syscall.Kill(pm.pid, 0) == nil {
			return true, nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return false, err
		}
	}
}

// greet connects to the server, learns its version, and makes the database if there is none.
func (s *Server) greet(ctx context.Context) error {
	s.port = readPostmaster(s.home.data()).port
	conn, err := pgx.Connect(ctx, s.URL())
	var failure *pgconn.PgError
	if errors.As(err, &failure) && failure.Code == "3D000" {
		if err := s.createDatabase(ctx); err != nil {
			return err
		}
		conn, err = pgx.Connect(ctx, s.URL())
	}
	if err != nil {
		return fmt.Errorf("the server runs but cannot be used: %w", err)
	}
	s.version, _, _ = strings.Cut(conn.PgConn().ParameterStatus("server_version"), " ")
	return conn.Close(ctx)
}

// createDatabase makes the database that users get.
func (s *Server) createDatabase(ctx context.Context) error {
	config, err := pgx.ParseConfig(s.URL())
	if err != nil {
		return err
	}
	config.Database = "postgres"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE DATABASE "+database)
	return err
}

// close leaves under the start lock.
func (s *Server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	start, err := lockPath(ctx, s.start)
	if err != nil {
		return errors.Join(err, s.users.Close())
	}
	defer start.Close()
	return s.depart()
}

// depart gives up the place among the users, and stops the server if that was the last one.
func (s *Server) depart() error {
	last, err := tryLock(s.users, syscall.LOCK_EX)
	if err == nil && last {
		err = s.home.stop(time.Minute)
	}
	return errors.Join(err, s.users.Close())
}

// stop ends the server, if it runs, with a fast shutdown: sessions are ended, and everything is written to disk. One that has not
// ended after the patience is ended at once, and the next start recovers from its log.
func (h *home) stop(patience time.Duration) error {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if alive, err := heldByOthers(h.serverLock()); err != nil || !alive {
			return err
		}
		if pm := readPostmaster(h.data()); pm.pid != 0 {
			if err := syscall.Kill(pm.pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("stop the server: %w", err)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		gone, err := h.gone(ctx)
		cancel()
		if gone || err != nil {
			return err
		}
	}
	return fmt.Errorf("the server of %s does not stop", h.dir)
}

// gone waits until no process of the server lives.
func (h *home) gone(ctx context.Context) (bool, error) {
	for {
		alive, err := heldByOthers(h.serverLock())
		if err != nil || !alive {
			return err == nil, err
		}
		if pause(ctx, 5*time.Millisecond) != nil {
			return false, nil
		}
	}
}
