package watch

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// quick is how the tests with real events wait. A minute without an event is a
// failure, not a long wait: see next.
var quick = Options{
	Rest: 50 * time.Millisecond, AtMost: 10 * time.Second, Reread: time.Hour,
	Match: func(name string) bool { return strings.HasSuffix(name, ".hcl") },
}

// folder is where a test keeps its files.
type folder struct {
	t   testing.TB
	dir string
}

func newFolder(t testing.TB) folder { return folder{t, t.TempDir()} }

func (f folder) path(name string) string { return filepath.Join(f.dir, name) }

func (f folder) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// write writes in place, as a shell does: the file is empty in between.
func (f folder) write(name, text string) {
	f.t.Helper()
	f.must(os.MkdirAll(filepath.Dir(f.path(name)), 0o755))
	f.must(os.WriteFile(f.path(name), []byte(text), 0o644))
}

func (f folder) rename(from, to string) {
	f.t.Helper()
	f.must(os.Rename(f.path(from), f.path(to)))
}

func (f folder) remove(name string) {
	f.t.Helper()
	f.must(os.RemoveAll(f.path(name)))
}

func (f folder) link(target, name string) {
	f.t.Helper()
	f.must(os.Symlink(target, f.path(name)))
}

// watch watches by events.
func (f folder) watch(o Options, names ...string) *Watcher {
	f.t.Helper()
	w := New(o)
	f.t.Cleanup(func() { f.must(w.Close()) })
	w.Set(f.paths(names))
	if w.Trouble() != nil {
		f.t.Fatal(w.Trouble())
	}
	return w
}

func (f folder) paths(names []string) (out []string) {
	for _, name := range names {
		out = append(out, f.path(name))
	}
	return out
}

// next waits for a change, which must be of these files.
func (f folder) next(w *Watcher, names ...string) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	change, err := w.Next(ctx)
	f.must(err)
	if diff := cmp.Diff(f.paths(names), change.Files); diff != "" {
		f.t.Fatalf("changed (-want +got):\n%s", diff)
	}
}
