package state

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrChanged is the error of Replace where somebody else was faster.
var ErrChanged = errors.New("the file has been changed meanwhile")

// Replace puts text in place of before in the file at path, which keeps its
// mode, or in the file that a symbolic link there leads to. Whoever reads the
// file, whenever, finds the one or the other and no mixture.
//
// It returns ErrChanged, and changes nothing, where the file has another text
// than before. Of several at a time, one succeeds.
func Replace(path string, before, text []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	unlock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer unlock()
	if have, err := os.ReadFile(path); err != nil {
		return err
	} else if !bytes.Equal(have, before) {
		return fmt.Errorf("%s: %w", path, ErrChanged)
	}
	return rename(path, text, info)
}

// rename writes a new file beside the one at path and gives it that name.
func rename(path string, text []byte, info fs.FileInfo) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close() // again, perhaps
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(text); err != nil {
		return err
	}
	keepOwner(f, info)
	if err := f.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	syncFolder(filepath.Dir(path))
	return nil
}

// syncFolder makes the new name last. Where it does not, the old file is back
// after a crash, and that is whole too.
func syncFolder(dir string) {
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
}
