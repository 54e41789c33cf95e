//go:build linux || darwin

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

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

// Remove stops the server of a folder and removes its data. It refuses while any process uses the server.
func Remove(ctx context.Context, dir string) error {
	dir, err := makeDir(dir)
	if err != nil {
		return err
	}
	start, err := lockPath(ctx, filepath.Join(dir, "postgres.lock"))
	if err != nil {
		return err
	}
	defer start.Close()
	real, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	h := &home{dir: real}
	if used, err := heldByOthers(h.usersLock()); err != nil {
		return err
	} else if used {
		return fmt.Errorf("%s is in use by another process", h.dir)
	}
	if err := h.stop(time.Minute); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(h.dir), os.RemoveAll(filepath.Join(dir, "postgres")))
}
