//go:build linux || darwin

package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// elsewhere is where root's servers live whose user may not enter the folder that was asked for.
var elsewhere = "/var/lib/tenantry"

// home is the folder of one server.
type home struct {
	dir  string   // with all links resolved
	user *account // whom the server runs as
}

func (h *home) data() string       { return filepath.Join(h.dir, "data") }
func (h *home) password() string   { return filepath.Join(h.dir, "password") }
func (h *home) port() string       { return filepath.Join(h.dir, "port") }
func (h *home) serverLock() string { return filepath.Join(h.dir, "server.lock") }
func (h *home) usersLock() string  { return filepath.Join(h.dir, "users.lock") }

// makeDir makes Options.Dir, and keeps what is in it out of git.
func makeDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if exists(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return dir, writeNew(filepath.Join(dir, ".gitignore"), "*\n", 0o644)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// writeNew writes a file, unless there is one.
func writeNew(path, content string, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	return errors.Join(err, f.Close())
}

// openHome finds or makes the server's folder. It is called with the start lock held.
func openHome(dir string, o Options) (*home, error) {
	path := filepath.Join(dir, "postgres")
	real, err := filepath.EvalSymlinks(path)
	switch {
	case err == nil:
		h, err := existingHome(real)
		if errors.Is(err, errUnusable) && !exists(h.data()) {
			// Nothing was kept there yet, so nothing is lost by going elsewhere.
			if err := os.RemoveAll(path); err != nil {
				return nil, err
			}
			return newHome(path, o)
		}
		return h, err
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if target, err := os.Readlink(path); err == nil {
		o.say("%s has gone, and the data in it: making a new one", target)
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	return newHome(path, o)
}

// errUnusable is returned by existingHome for a folder that the server's user may not use.
var errUnusable = errors.New("the server cannot keep its data here")

// existingHome opens a folder that an earlier start has made.
func existingHome(dir string) (*home, error) {
	h := &home{dir: dir}
	info, err := os.Stat(h.data())
	if errors.Is(err, fs.ErrNotExist) {
		h.user, err = unprivileged()
	} else if err == nil {
		h.user, err = ownerOf(info)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if err := h.user.mayUse(dir); err != nil {
		return h, fmt.Errorf("%w: %w; let that user enter it, or remove %s to start with an empty database", errUnusable, err, dir)
	}
	return h, nil
}

// newHome makes the folder at path, or, where the server's user could not use it there, elsewhere with a link to it.
func newHome(path string, o Options) (*home, error) {
	user, err := unprivileged()
	if err != nil {
		return nil, err
	}
	if err := makeHome(path, user); err != nil {
		return nil, err
	}
	refusal := user.mayUse(path)
	if refusal == nil {
		real, err := filepath.EvalSymlinks(path)
		return &home{dir: real, user: user}, err
	}
	if err := os.Remove(path); err != nil {
		return nil, err
	}
	return homeElsewhere(path, user, refusal, o)
}

// makeHome makes the folder, for root such that the server's user can pass through it to the data.
func makeHome(path string, user *account) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	if user == nil {
		return nil
	}
	return os.Chmod(path, 0o711)
}

// makeOpen makes a folder of exactly that mode, whatever the umask, unless there is one.
func makeOpen(dir string, mode os.FileMode) error {
	if exists(dir) {
		return nil
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return err
	}
	return os.Chmod(dir, mode)
}

// homeElsewhere makes the folder below elsewhere, and path a link to it.
func homeElsewhere(path string, user *account, refusal error, o Options) (*home, error) {
	if err := makeOpen(elsewhere, 0o711); err != nil {
		return nil, fmt.Errorf("%w; and elsewhere: %w", refusal, err)
	}
	// The name says to a person whose it is: project/.tenantry/postgres becomes project-123456.
	project := filepath.Base(filepath.Dir(filepath.Dir(path)))
	dir, err := os.MkdirTemp(elsewhere, strings.ReplaceAll(project, "*", "_")+"-")
	if err != nil {
		return nil, fmt.Errorf("%w; and elsewhere: %w", refusal, err)
	}
	err = os.Chmod(dir, 0o711)
	if err == nil {
		err = user.mayUse(dir)
	}
	if err == nil {
		err = os.Symlink(dir, path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w; and elsewhere: %w", refusal, err), os.Remove(dir))
	}
	o.say("keeping the data in %s, because user %s may not enter %s", dir, user.name, filepath.Dir(path))
	return &home{dir: dir, user: user}, nil
}

// writeFile replaces a file of the home, in one step.
func (h *home) writeFile(path, content string) error {
	f, err := os.CreateTemp(h.dir, "write-") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Sync(), f.Close(), ownLikeFolder(f.Name())); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// ownLikeFolder gives a file that root has made in an ordinary user's folder to that user, who shall go on using it.
func ownLikeFolder(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	stat := info.Sys().(*syscall.Stat_t)
	return os.Lchown(path, int(stat.Uid), int(stat.Gid))
}
