//go:build linux || darwin

package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ensureData makes the data directory if there is none. It is made under another name and renamed when it is whole, so
// that one which a kill or a crash cut off is never taken for a good one.
func (h *home) ensureData(ctx context.Context, bin Binaries, o Options) (password string, err error) {
	h.sweep()
	major, err := h.major()
	if err != nil {
		return "", err
	}
	password, err = h.readPassword()
	if errors.Is(err, fs.ErrNotExist) && major == 0 {
		password = rand.Text()
		err = h.writeFile(h.password(), password+"\n")
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: without it the data there is of no use; remove %s to start with an empty database", err, h.dir)
	}
	if err != nil || major != 0 {
		return password, err
	}
	o.say("making a PostgreSQL %s data directory in %s", bin.Version, h.data())
	if err := h.initdb(ctx, bin, password, o); err != nil {
		return "", fmt.Errorf("making the data directory: %w", err)
	}
	return password, nil
}

func (h *home) readPassword() (string, error) {
	content, err := os.ReadFile(h.password())
	return strings.TrimSpace(string(content)), err
}

// major gives the PostgreSQL version that made the data, or 0 where there is none yet.
func (h *home) major() (int, error) {
	content, err := os.ReadFile(filepath.Join(h.data(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		if exists(h.data()) {
			return 0, fmt.Errorf("%s is no data directory of PostgreSQL: it has no PG_VERSION", h.data())
		}
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(content)))
}

// sweep removes what earlier starts did not live to remove. It does what it can: an initdb whose parent was killed may
// still be writing there.
func (h *home) sweep() {
	for _, pattern := range []string{"init-*", "probe-*", "write-*"} {
		found, _ := filepath.Glob(filepath.Join(h.dir, pattern))
		for _, path := range found {
			_ = os.RemoveAll(path)
		}
	}
}

// initdb makes the data directory. The password goes by way of a file that only the server's user can read.
func (h *home) initdb(ctx context.Context, bin Binaries, password string, o Options) error {
	stage, err := os.MkdirTemp(h.dir, "init-")
	if err != nil {
		return err
	}
	defer h.sweep()
	secret, data := filepath.Join(stage, "secret"), filepath.Join(stage, "data")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		return err
	}
	if err := errors.Join(h.user.give(secret), h.user.give(stage)); err != nil {
		return err
	}
	args := []string{"-D", data, "-U", superuser, "--pwfile", secret, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"}
	if o.Settings["fsync"] == "off" {
		args = append(args, "--no-sync")
	}
	if _, err := output(ctx, h.user.command(filepath.Join(bin.Dir, "initdb"), args...)); err != nil {
		return err
	}
	return moveDir(data, h.data())
}

// moveDir renames a directory, and sees to it that the new name is on disk.
func moveDir(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}
