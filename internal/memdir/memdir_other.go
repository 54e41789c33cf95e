//go:build !linux

// Package memdir says where tests keep the data of servers. It is not where
// anything else belongs: what is there is gone when the machine restarts.
package memdir

import "os"

// Dir returns the folder for data that is worth nothing.
func Dir() string { return os.TempDir() }
