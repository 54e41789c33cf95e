//go:build unix

package watch

import (
	"syscall"
	"testing"
)

// To read a pipe would wait for whoever writes to it, and take what is written.
func TestPipesAreNotRead(t *testing.T) {
	f := newFolder(t)
	f.must(syscall.Mkfifo(f.path("pipe.hcl"), 0o600))
	f.write("a.hcl", "1")
	w := f.watch(quick, "pipe.hcl", "a.hcl", ".")
	f.write("a.hcl", "2")
	f.next(w, "a.hcl")
}
