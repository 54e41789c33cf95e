//go:build linux || darwin

package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// lockPatience is how long to wait for somebody who replaces a file.
const lockPatience = 5 * time.Second

// lockFolder keeps others from replacing files in a folder, until unlock is
// called or the process ends. Some file systems lock no folders; there the rest
// of Replace has to do.
func lockFolder(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(lockPatience); ; time.Sleep(5 * time.Millisecond) {
		err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return func() { d.Close() }, nil
		}
		if time.Now().After(end) {
			d.Close()
			return nil, fmt.Errorf("the folder %s has been locked by another process for %s", dir, lockPatience)
		}
	}
}

// keepOwner gives f the owner that a file has, where that is allowed.
func keepOwner(f *os.File, info fs.FileInfo) {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(s.Uid), int(s.Gid)) // who may not is the new owner, as with any editor
	}
}
