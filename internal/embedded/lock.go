//go:build linux || darwin

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// The three locks are flock(2) locks: they belong to the open file, are shared with children that inherit it, and vanish
// with the last process that has it open, however that process ends.

// openLock opens a lock file, making it if need be. The file is never removed: a lock on a removed file locks nothing.
func openLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := ownLikeFolder(path); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// tryLock takes a lock (syscall.LOCK_SH or LOCK_EX) if that is possible right now.
func tryLock(f *os.File, how int) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
	}
}

// waitLock takes a lock as soon as that is possible. It polls, since a blocking flock cannot be called off.
func waitLock(ctx context.Context, f *os.File, how int) error {
	for {
		if ok, err := tryLock(f, how); ok || err != nil {
			return err
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("waiting for %s: %w", f.Name(), err)
		}
	}
}

// lockPath opens a lock file and waits for an exclusive lock on it; before it waits, it calls the functions. Closing the
// file releases the lock.
func lockPath(ctx context.Context, path string, waiting ...func()) (*os.File, error) {
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	if ok, err := tryLock(f, syscall.LOCK_EX); ok {
		return f, nil
	} else if err == nil {
		for _, tell := range waiting {
			tell()
		}
	}
	if err := waitLock(ctx, f, syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// heldByOthers says whether somebody holds a lock on the file at path.
func heldByOthers(path string) (bool, error) {
	f, err := openLock(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	free, err := tryLock(f, syscall.LOCK_EX)
	return !free, err
}

// pause sleeps, or returns the context's error as soon as that is done.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
