//go:build !linux

package pgtest

import "os"

// tempDir is where servers of tests keep their data.
func tempDir() string { return os.TempDir() }
