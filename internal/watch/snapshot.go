package watch

import (
	"crypto/sha256"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// A digest is of a file's content, or of what is there instead.
type digest [sha256.Size]byte

// A snapshot is what was found at each path that is watched: the files there,
// by name, with their digests. Where there is nothing, there are none.
type snapshot map[string]map[string]digest

// read reads all that the paths lead to.
func read(paths []string, match func(string) bool) snapshot {
	s := make(snapshot, len(paths))
	for _, path := range paths {
		s[path] = readPath(path, match)
	}
	return s
}

func readPath(path string, match func(string) bool) map[string]digest {
	files := make(map[string]digest)
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		add(files, path)
		return files
	}
	files[path] = digest{} // that the folder is there
	entries, err := os.ReadDir(path)
	if err != nil {
		files[path] = instead(err.Error())
	}
	for _, e := range entries {
		if !e.IsDir() && (match == nil || match(e.Name())) {
			add(files, filepath.Join(path, e.Name()))
		}
	}
	return files
}

// add adds the digest of a file that exists.
func add(files map[string]digest, path string) {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		files[path] = instead(info.Mode().Type().String()) // to read a pipe is to take from it
		return
	case os.IsNotExist(err):
		return
	}
	d, err := digestOf(path)
	switch {
	case err == nil:
		files[path] = d
	case !os.IsNotExist(err):
		files[path] = instead(reason(err))
	}
}

func digestOf(path string) (d digest, err error) {
	file, err := os.Open(path)
	if err != nil {
		return d, err
	}
	defer file.Close()
	h := sha256.New()
	_, err = io.Copy(h, file)
	h.Sum(d[:0])
	return d, err
}

// instead is the digest of what is not the content of a file.
func instead(what string) digest { return sha256.Sum256([]byte("not a file's content: " + what)) }

func reason(err error) string {
	if e, ok := err.(*fs.PathError); ok {
		return e.Err.Error()
	}
	return err.Error()
}

func (s snapshot) equal(other snapshot) bool {
	return maps.EqualFunc(s, other, func(a, b map[string]digest) bool { return maps.Equal(a, b) })
}

// differing returns the files that are not the same in both, sorted. A folder
// counts where it says more than its files do: where it came or went without any.
func (s snapshot) differing(other snapshot) []string {
	all := make(map[string]bool)
	for path, files := range s {
		for _, name := range differing(path, files, other[path]) {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func differing(path string, a, b map[string]digest) (names []string) {
	for name := range a {
		if d, ok := b[name]; name != path && (!ok || d != a[name]) {
			names = append(names, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; name != path && !ok {
			names = append(names, name)
		}
	}
	was, before := b[path]
	is, now := a[path]
	if len(names) == 0 && (before != now || was != is) {
		names = append(names, path)
	}
	return names
}
