//go:build linux || darwin

package embedded

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// account is the user whom the server's processes run as. The nil account is the user who we are.
type account struct {
	name     string
	uid, gid uint32
}

// unprivileged chooses the account for a new server: nobody else than ourselves, except for root.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			return newAccount(u)
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and this system has no user postgres and no user nobody to run it as")
}

func newAccount(u *user.User) (*account, error) {
	// Signed, because nobody is -2 on macOS.
	uid, err := strconv.ParseInt(u.Uid, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseInt(u.Gid, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	return &account{name: u.Username, uid: uint32(uid), gid: uint32(gid)}, nil
}

// ownerOf gives the account that owns an existing data directory, for root to run the server as.
func ownerOf(info os.FileInfo) (*account, error) {
	stat := info.Sys().(*syscall.Stat_t)
	switch {
	case os.Geteuid() == 0 && stat.Uid == 0:
		return unprivileged()
	case os.Geteuid() == 0:
		return &account{name: fmt.Sprintf("#%d", stat.Uid), uid: stat.Uid, gid: stat.Gid}, nil
	case int(stat.Uid) != os.Geteuid():
		return nil, fmt.Errorf("its data belongs to the user #%d, who alone may use it", stat.Uid)
	}
	return nil, nil
}

// give makes the account the owner of a file.
func (a *account) give(path string) error {
	if a == nil {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// command makes a command that runs as the account, in a session of its own (so that Ctrl-C does not reach it), with nothing of
// our environment that it does not need: there may be passwords there.
func (a *account) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"LC_ALL=C"}
	for _, key := range []string{"PATH", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if value, ok := os.LookupEnv(key); ok {
			cmd.Env = append(cmd.Env, key+"="+value)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return cmd
}

// mayUse says why the account cannot keep files in the folder, which we can: it may not enter it, or the file system
// does not let us give files away.
func (a *account) mayUse(dir string) error {
	if a == nil {
		return nil
	}
	probe, err := os.MkdirTemp(dir, "probe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(probe)
	if err := a.give(probe); err != nil {
		return err
	}
	if info, err := os.Stat(probe); err != nil || info.Sys().(*syscall.Stat_t).Uid != a.uid {
		return fmt.Errorf("files in %s cannot be given to user %s", dir, a.name)
	}
	cmd := a.command("/bin/sh", "-c", ": > file")
	cmd.Dir = probe
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("user %s may not use %s: %w", a.name, dir, err)
	}
	return nil
}
