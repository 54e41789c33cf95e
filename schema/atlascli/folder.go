package atlascli

import (
	"errors"
	"os"
)

// A folder holds the files that one process hands to the binary. It is private,
// and none of the files has a secret.
type folder struct {
	path string
	held *os.File // locked as long as the process lives
}

// makeFolder makes the folder of this process, and removes those of processes
// that were killed.
func makeFolder() (*folder, error) {
	unlock := sweepFolders()
	defer unlock()
	path, err := os.MkdirTemp("", folderPrefix) // mode 0700
	if err != nil {
		return nil, err
	}
	held, err := os.Open(path)
	if err == nil {
		err = holdFolder(held)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return &folder{path: path, held: held}, nil
}

const folderPrefix = "tenantry-atlas-"

// sub makes a folder in it.
func (f *folder) sub() (string, error) { return os.MkdirTemp(f.path, "call-") }

func (f *folder) remove() error { return errors.Join(os.RemoveAll(f.path), f.held.Close()) }
