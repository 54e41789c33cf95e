package watch

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// Every way of saving is seen, more than once: a watch that is bound to the file
// that was there first sees only the first.
func TestSaving(t *testing.T) {
	ways := []struct {
		name string
		save func(f folder, text string)
	}{
		{"in place", func(f folder, text string) { f.write("a.hcl", text) }},
		{"vim, by renaming and writing anew", func(f folder, text string) {
			f.write("4913", "") // vim's probe of the folder
			f.remove("4913")
			f.rename("a.hcl", "a.hcl~")
			f.write("a.hcl", text)
			f.remove("a.hcl~")
		}},
		{"vim, by writing the backup first", func(f folder, text string) {
			f.write(".a.hcl.swp", "swap")
			f.write("a.hcl~", text)
			f.rename("a.hcl~", "a.hcl")
			f.remove(".a.hcl.swp")
		}},
		{"VS Code, truncating", func(f folder, text string) {
			file, err := os.OpenFile(f.path("a.hcl"), os.O_WRONLY|os.O_TRUNC, 0)
			f.must(err)
			_, err = file.WriteString(text)
			f.must(err)
			f.must(file.Close())
		}},
		{"VS Code, atomically", func(f folder, text string) {
			f.write("a.hcl.vsctmp", text)
			f.rename("a.hcl.vsctmp", "a.hcl")
		}},
		{"removed and made again", func(f folder, text string) {
			f.remove("a.hcl")
			f.write("a.hcl", text)
		}},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			f.write("a.hcl", "0")
			w := f.watch(quick, "a.hcl")
			for i := range 4 {
				way.save(f, fmt.Sprint("text ", i))
				f.next(w, "a.hcl")
			}
		})
	}
}

// What is silent is followed by a change: had it been reported, it would come
// first.
func TestSilence(t *testing.T) {
	ways := map[string]func(f folder){
		"touched": func(f folder) { f.must(os.Chtimes(f.path("a.hcl"), time.Time{}, time.Now())) },
		"saved as it was": func(f folder) {
			f.write("new", "a")
			f.rename("new", "a.hcl")
		},
		"another mode":      func(f folder) { f.must(os.Chmod(f.path("a.hcl"), 0o600)) },
		"an unrelated file": func(f folder) { f.write("log.txt", "a line\n") },
		"an unrelated file in a folder": func(f folder) {
			f.write("sub/.b.hcl.swp", "")
			f.write("sub/notes.txt", "")
		},
	}
	for name, do := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t)
			f.write("a.hcl", "a")
			f.write("sub/b.hcl", "b")
			f.write("marker", "0")
			w := f.watch(quick, "a.hcl", "sub", "marker")
			do(f)
			f.write("marker", "1")
			f.next(w, "marker")
		})
	}
}

// Kubernetes mounts a ConfigMap as links to links, and swaps the one in the middle.
func TestKubernetesSwap(t *testing.T) {
	f := newFolder(t)
	f.write("..2024_1/tenants.yaml", "1")
	f.link("..2024_1", "..data")
	f.link("..data/tenants.yaml", "tenants.yaml")
	w := f.watch(quick, "tenants.yaml")
	for i := 2; i < 5; i++ {
		fresh := fmt.Sprintf("..2024_%d", i)
		f.write(fresh+"/tenants.yaml", fmt.Sprint(i))
		f.link(fresh, "..data_tmp")
		f.rename("..data_tmp", "..data")
		f.remove(fmt.Sprintf("..2024_%d", i-1))
		f.next(w, "tenants.yaml")
	}
}

func TestLinks(t *testing.T) {
	t.Run("a file elsewhere", func(t *testing.T) {
		f := newFolder(t)
		f.write("elsewhere/a.hcl", "1")
		f.write("here/other", "")
		f.link("../elsewhere/a.hcl", "here/a.hcl")
		w := f.watch(quick, "here/a.hcl")
		f.write("elsewhere/a.hcl", "2")
		f.next(w, "here/a.hcl")
	})
	t.Run("a folder on the way", func(t *testing.T) {
		f := newFolder(t)
		f.write("releases/1/a.hcl", "1")
		f.write("releases/2/a.hcl", "2")
		f.link(f.path("releases/1"), "current")
		w := f.watch(quick, "current/a.hcl")
		f.link("releases/2", "next")
		f.rename("next", "current")
		f.next(w, "current/a.hcl")
		f.write("releases/2/a.hcl", "3")
		f.next(w, "current/a.hcl")
	})
	t.Run("in a circle", func(t *testing.T) {
		f := newFolder(t)
		f.link("b", "a")
		f.link("a", "b")
		w := f.watch(quick, "a")
		f.remove("a")
		f.write("a", "1")
		f.next(w, "a")
	})
}

func TestFolder(t *testing.T) {
	f := newFolder(t)
	f.write("schema/a.hcl", "1")
	w := f.watch(quick, "schema")
	f.write("schema/b.hcl", "1")
	f.next(w, "schema/b.hcl")
	f.remove("schema/a.hcl")
	f.next(w, "schema/a.hcl")

	// Another folder takes its place, as a checkout or a deployment does it.
	f.write("new/c.hcl", "1")
	f.rename("schema", "old")
	f.rename("new", "schema")
	f.next(w, "schema/b.hcl", "schema/c.hcl")
	f.write("schema/c.hcl", "2")
	f.next(w, "schema/c.hcl")

	f.remove("schema")
	f.next(w, "schema/c.hcl")
	f.write("schema/c.hcl", "3")
	f.next(w, "schema/c.hcl")
}

func TestWhatIsNotThereYet(t *testing.T) {
	f := newFolder(t)
	w := f.watch(quick, "deep/down/a.hcl", "deep/schema")
	f.write("deep/down/a.hcl", "1")
	f.next(w, "deep/down/a.hcl")
	f.must(os.Mkdir(f.path("deep/schema"), 0o755))
	f.next(w, "deep/schema")
	f.write("deep/schema/b.hcl", "1")
	f.next(w, "deep/schema/b.hcl")
}

// A checkout writes many files, and takes its time.
func TestManyFilesAreOneChange(t *testing.T) {
	f := newFolder(t)
	var names, paths []string
	for i := range 200 {
		names = append(names, fmt.Sprintf("schema/%03d.hcl", i))
		f.write(names[i], "1")
	}
	paths = append(paths, "schema")
	o := quick
	o.Rest = time.Second
	w := f.watch(o, paths...)
	go func() {
		for _, name := range names {
			_ = os.Remove(f.path(name))
			_ = os.WriteFile(f.path(name), []byte("2"), 0o644)
		}
	}()
	f.next(w, names...)
}

func TestSetWidensTheWatch(t *testing.T) {
	f := newFolder(t)
	f.write("atlas.hcl", "1")
	w := f.watch(quick, "atlas.hcl")
	f.write("schema/a.hcl", "1")
	f.write("atlas.hcl", "2") // not reported yet, and not forgotten
	if !w.Set(f.paths([]string{"atlas.hcl", "schema/a.hcl"})) {
		t.Error("it has grown")
	}
	if w.Set(f.paths([]string{"schema/a.hcl", "atlas.hcl"})) {
		t.Error("it has not grown")
	}
	f.next(w, "atlas.hcl")
	f.write("schema/a.hcl", "2")
	f.next(w, "schema/a.hcl")
	w.Set(f.paths([]string{"schema/a.hcl"}))
	f.write("atlas.hcl", "3") // is watched no more
	f.write("schema/a.hcl", "3")
	f.next(w, "schema/a.hcl")
}

func TestPollingNeedsNoEvents(t *testing.T) {
	f := newFolder(t)
	o := quick
	o.Poll = 5 * time.Millisecond
	w := f.watch(o, "a.hcl")
	if w.events != nil {
		t.Error("there should be no events")
	}
	for i := range 3 {
		f.write("new", fmt.Sprint(i))
		f.rename("new", "a.hcl")
		f.next(w, "a.hcl")
	}
}

// Where a folder cannot be watched, looking has to do.
func TestTrouble(t *testing.T) {
	f := newFolder(t)
	f.write("a.hcl", "1")
	w := f.watch(quick, "a.hcl")
	f.must(w.events.close())
	f.write("sub/b.hcl", "1")
	w.Set(f.paths([]string{"a.hcl", "sub/b.hcl"}))
	if w.Trouble() == nil {
		t.Fatal("there should be trouble")
	}
	f.write("sub/b.hcl", "2")
	f.next(w, "sub/b.hcl")
}
