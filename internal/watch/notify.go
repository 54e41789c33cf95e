package watch

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// A notifier wakes whoever watches when something happens in a folder.
type notifier struct {
	watcher *fsnotify.Watcher
	folders map[string]os.FileInfo // those that are watched, as they were then
	done    sync.WaitGroup
}

func newNotifier(wake chan<- struct{}) (*notifier, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	n := &notifier{watcher: watcher, folders: make(map[string]os.FileInfo)}
	n.done.Go(func() { n.listen(wake) })
	return n, nil
}

// listen wakes for every event, and for every error: events may have been lost.
func (n *notifier) listen(wake chan<- struct{}) {
	for {
		select {
		case _, open := <-n.watcher.Events:
			if !open {
				return
			}
		case _, open := <-n.watcher.Errors:
			if !open {
				return
			}
		}
		select {
		case wake <- struct{}{}:
		default: // it will wake anyway
		}
	}
}

func (n *notifier) close() error {
	err := n.watcher.Close()
	n.done.Wait()
	return err
}

// follow watches the folders on the way to the paths, and no others. An error
// says that some events will not come.
func (n *notifier) follow(paths []string) error {
	wanted := make(map[string]bool)
	for _, path := range paths {
		for _, folder := range foldersOf(path) {
			wanted[folder] = true
		}
	}
	for folder := range n.folders {
		if !wanted[folder] {
			n.forget(folder)
		}
	}
	alive := make(map[string]bool)
	for _, folder := range n.watcher.WatchList() {
		alive[folder] = true
	}
	var trouble error
	for _, folder := range slices.Sorted(maps.Keys(wanted)) {
		if err := n.watch(folder, alive[folder]); err != nil && trouble == nil {
			trouble = err
		}
	}
	return trouble
}

// watch watches a folder, anew where it is not the one that was watched.
func (n *notifier) watch(folder string, alive bool) error {
	info, err := os.Stat(folder)
	if err != nil {
		return plain(err)
	}
	if before, ok := n.folders[folder]; ok && alive && os.SameFile(before, info) {
		return nil
	}
	n.forget(folder)
	if err := n.watcher.Add(folder); err != nil {
		return plain(err)
	}
	n.folders[folder] = info
	return nil
}

func (n *notifier) forget(folder string) {
	if _, ok := n.folders[folder]; ok {
		_ = n.watcher.Remove(folder) // it may have gone by itself
	}
	delete(n.folders, folder)
}

// plain returns what is wrong without the path and the system call.
func plain(err error) error {
	var path *fs.PathError
	var call *os.SyscallError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &call):
		return call.Err
	}
	return err
}
