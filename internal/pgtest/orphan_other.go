//go:build !linux

package pgtest

import "os/exec"

// endWithTest leaves it to the test's cleanup to end a process.
func endWithTest(*exec.Cmd) {}
