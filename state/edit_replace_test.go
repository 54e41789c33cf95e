package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// fileWith makes a file in a folder of its own.
func fileWith(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tenants.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// holds checks a file's text, and that it is alone in its folder.
func holds(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s: %v, %q, want %q", path, err, got, want)
	}
	if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
		t.Errorf("there is more in the folder: %v", names)
	}
}

func TestAReplacedFileKeepsItsMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []os.FileMode{0o600, 0o644, 0o664, 0o755, 0o444} {
		path := fileWith(t, "old", mode)
		if err := Replace(path, []byte("old"), []byte("new")); err != nil {
			t.Fatal(err)
		}
		holds(t, path, "new")
		if info, _ := os.Stat(path); info.Mode() != mode {
			t.Errorf("the mode %s has become %s", mode, info.Mode())
		}
	}
}

func TestALinkLeadsToTheFileThatIsReplaced(t *testing.T) {
	t.Parallel()
	path := fileWith(t, "old", 0o644)
	link := filepath.Join(t.TempDir(), "link.yaml")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := Replace(link, []byte("old"), []byte("new")); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "new")
	if to, err := os.Readlink(link); err != nil || to != path {
		t.Errorf("the link: %q, %v", to, err)
	}
}

func TestAFileThatChangedMeanwhileIsLeftAlone(t *testing.T) {
	t.Parallel()
	path := fileWith(t, "other", 0o644)
	if err := Replace(path, []byte("old"), []byte("new")); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	holds(t, path, "other")
}

func TestWhatIsNoFileIsNotReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "none")} {
		if err := Replace(path, nil, []byte("new")); err == nil {
			t.Errorf("%s was replaced", path)
		}
	}
}

func TestNoneOfManyEditsAtATimeIsLost(t *testing.T) {
	t.Parallel()
	path := fileWith(t, "tenants:\n  - acme\n", 0o644)
	const many = 20
	var together sync.WaitGroup
	for i := range many {
		together.Go(func() {
			for {
				src, err := os.ReadFile(path)
				if err != nil {
					t.Error(err)
					return
				}
				out, err := AddTenant(path, src, Tenant{ID: fmt.Sprintf("t%d", i)}, anyServices)
				if err != nil {
					t.Error(err)
					return
				}
				if err = Replace(path, src, out); err == nil {
					return
				}
				if !errors.Is(err, ErrChanged) {
					t.Error(err)
					return
				}
			}
		})
	}
	together.Wait()
	src, _ := os.ReadFile(path)
	if n := bytes.Count(src, []byte("\n  - ")); n != many+1 {
		t.Errorf("%d tenants:\n%s", n, src)
	}
}
