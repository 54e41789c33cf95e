//go:build linux || darwin

package atlascli

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// holdFolder locks a folder. The lock goes with the process, whatever ends it.
func holdFolder(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// sweepFolders removes the folders that nobody holds. Until unlock is called no
// other process sweeps, so that none takes a new folder for an old one.
func sweepFolders() (unlock func()) {
	name := filepath.Join(os.TempDir(), fmt.Sprintf("tenantry-atlas.%d.lock", os.Getuid()))
	lock, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return func() {} // it is somebody else's: what is left stays
	}
	unlock = func() { lock.Close() }
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return unlock
	}
	old, _ := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*"))
	for _, path := range old {
		sweepFolder(path)
	}
	return unlock
}

func sweepFolder(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	if holdFolder(f) == nil {
		_ = os.RemoveAll(path) // one that is not ours to remove stays
	}
}
