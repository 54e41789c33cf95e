//go:build linux || darwin

package embedded

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestPrivateFolder keeps the data below a folder that only its owner may enter. For root the server's user may not.
func TestPrivateFolder(t *testing.T) {
	t.Parallel()
	parent := folder(t)
	check(t, os.Mkdir(parent, 0o700))
	dir := filepath.Join(parent, "project", ".tenantry")
	o, said := fast(dir), ""
	o.Log = func(format string, args ...any) { said += fmt.Sprintf(format, args...) + "\n" }
	s := begin(t, o)
	query(t, s.URL(), "CREATE TABLE kept AS SELECT 1")
	check(t, s.Close())

	again := begin(t, fast(dir))
	query(t, again.URL(), "TABLE kept")
	check(t, again.Close())
	target, _ := os.Readlink(filepath.Join(dir, "postgres"))
	if os.Geteuid() != 0 {
		if target != "" {
			t.Errorf("the data is in %s", target)
		}
		return
	}
	if filepath.Dir(target) != elsewhere || !strings.Contains(said, target) {
		t.Errorf("the data is in %q; said:\n%s", target, said)
	}
	check(t, os.RemoveAll(target))
	anew := begin(t, fast(dir)) // without the data, not without a server
	check(t, anew.Close())
	target, _ = os.Readlink(filepath.Join(dir, "postgres"))
	check(t, Remove(t.Context(), dir))
	if _, err := os.Stat(target); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", target, err)
	}
}

// TestFolderMadePrivateLater has root's server lose the way to its data.
func TestFolderMadePrivateLater(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	check(t, begin(t, fast(dir)).Close())
	check(t, os.Chmod(filepath.Dir(dir), 0o700))
	s, err := Start(t.Context(), fast(dir))
	if os.Geteuid() != 0 {
		check(t, err)
		check(t, s.Close())
		return
	}
	if err == nil {
		check(t, s.Close())
		t.Fatal("the server's user reaches what it may not")
	}
	if !strings.Contains(err.Error(), "let that user enter it") {
		t.Errorf("error: %v", err)
	}
	check(t, os.RemoveAll(filepath.Join(dir, "postgres", "data")))
	check(t, begin(t, fast(dir)).Close()) // there is nothing to lose, so it goes elsewhere
}

// TestFolderOfAnotherUser has root use a folder that an ordinary user has made, and that user use it again. Where we are
// not root, both are us.
func TestFolderOfAnotherUser(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	self, err := os.Executable()
	check(t, err)
	program := filepath.Join(filepath.Dir(dir), "helper")
	check(t, exec.Command("cp", self, program).Run())
	user, err := unprivileged()
	check(t, err)
	check(t, user.give(filepath.Dir(dir)))
	asUser := func(cmd *exec.Cmd) {
		cmd.Path, cmd.Dir = program, "/"
		if user != nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user.uid, Gid: user.gid}}
		}
	}
	first := newHelper(t, dir, asUser)
	url := first.url()
	s := begin(t, fast(dir)) // joins
	if s.URL() != url {
		t.Error("two servers for one folder")
	}
	first.finish()
	check(t, s.Close())
	check(t, begin(t, fast(dir)).Close()) // starts
	second := newHelper(t, dir, asUser)
	if second.url() != url {
		t.Error("the URL changed")
	}
	second.finish()
	wantGone(t, dir)
}

func TestPasswordStaysSecret(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	stop, seen := make(chan struct{}), make(chan string)
	go func() { seen <- watchCommandLines(stop) }()
	s := begin(t, fast(dir))
	query(t, s.URL(), "SELECT 1::text")
	begin(t, Options{Dir: dir, Bin: "/nowhere"}) // joining needs no programs
	close(stop)
	commands := <-seen
	if !strings.Contains(commands, "initdb") || !strings.Contains(commands, "listen_addresses=127.0.0.1") {
		t.Error("the watch saw neither initdb nor postgres")
	}
	log, err := os.ReadFile(filepath.Join(dir, "postgres.log"))
	check(t, err)
	for what, text := range map[string]string{"command line or environment": commands, "log": string(log)} {
		if strings.Contains(text, s.password) {
			t.Errorf("the password is in a %s", what)
		}
	}
	info, err := os.Stat(s.home.password())
	check(t, err)
	if info.Mode().Perm() != 0o600 || int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
		t.Errorf("the password's file is %v", info.Mode())
	}
	if len(s.password) < 20 {
		t.Errorf("the password has %d characters", len(s.password))
	}
}

// watchCommandLines collects what everybody can see of the processes of this machine, and their environments.
func watchCommandLines(stop <-chan struct{}) string {
	seen := map[string]bool{}
	for {
		if runtime.GOOS == "linux" {
			files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			more, _ := filepath.Glob("/proc/[0-9]*/environ")
			for _, file := range append(files, more...) {
				content, _ := os.ReadFile(file)
				seen[string(content)] = true
			}
		} else {
			out, _ := exec.Command("ps", "axeww", "-o", "args").Output()
			seen[string(out)] = true
		}
		select {
		case <-stop:
			var all strings.Builder
			for text := range seen {
				all.WriteString(text)
			}
			return all.String()
		default:
		}
	}
}

// TestFolderOfRoot has an ordinary user come upon what root has made, which root's server keeps as it is.
func TestFolderOfRoot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // nobody else is there to come upon it
	}
	dir := folder(t)
	check(t, begin(t, fast(dir)).Close())
	check(t, os.Chown(dir, 65534, 65534)) // the checkout is the user's
	locks, err := filepath.Glob(filepath.Join(dir, "postgres*"))
	check(t, err)
	for _, path := range locks {
		check(t, os.Chown(path, 65534, 65534))
	}
	self, err := os.Executable()
	check(t, err)
	program := filepath.Join(filepath.Dir(dir), "helper")
	check(t, exec.Command("cp", self, program).Run())
	h := newHelper(t, dir, func(cmd *exec.Cmd) {
		cmd.Path, cmd.Dir = program, "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	})
	said, err := h.out.ReadString('\n')
	check(t, err)
	if !strings.Contains(said, dir) || !strings.Contains(said, "belongs to the user #") {
		t.Errorf("said %q", said)
	}
	_ = h.cmd.Wait()
}
