package pgtest

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// PooledVar is the environment variable that has every test which can go through
// PgBouncer do so.
const PooledVar = "TENANTRY_TEST_POOLED"

// Via returns the URL by which the product is to reach a test's database: the one
// given, or, with $TENANTRY_TEST_POOLED set, one through a pooler. What a test
// itself does in the database, it does through the URL given.
func Via(t testing.TB, databaseURL string) string {
	t.Helper()
	if os.Getenv(PooledVar) == "" {
		return databaseURL
	}
	return Pooled(t, databaseURL)
}

// Pooled starts a PgBouncer in transaction mode in front of the server of
// databaseURL, and returns the URL of the same database through it. There a
// session's state, such as a setting, a lock or a prepared statement, does not
// outlive a transaction. The pooler goes when the test ends.
func Pooled(t testing.TB, databaseURL string) string {
	t.Helper()
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		if bin = "/usr/sbin/pgbouncer"; !executable(bin) {
			t.Fatal("pgtest: there is no pgbouncer on this machine; on Debian: apt-get install pgbouncer")
		}
	}
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal("pgtest: ", err)
	}
	port := freePort(t)
	dir := t.TempDir()
	cmd := exec.Command(bin, configurePooler(t, dir, u, port))
	cmd.Dir = "/"
	runUnprivileged(t, cmd, dir)
	endWithTest(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal("pgtest: pgbouncer: ", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	})
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	awaitListener(t, address, filepath.Join(dir, "log"))
	return with(databaseURL, func(u *url.URL) { u.Host = address })
}

// configurePooler writes what pgbouncer is to do, and returns the file's path.
func configurePooler(t testing.TB, dir string, u *url.URL, port int) string {
	t.Helper()
	password, _ := u.User.Password()
	files := map[string]string{
		"users": fmt.Sprintf("%q %q\n", u.User.Username(), password),
		"ini": fmt.Sprintf(`[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = plain
auth_file = %s
logfile = %s
pool_mode = transaction
default_pool_size = 20
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
server_reset_query_always = 1
server_login_retry = 1
query_wait_timeout = 5
`, u.Hostname(), u.Port(), port, filepath.Join(dir, "users"), filepath.Join(dir, "log")),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal("pgtest: ", err)
		}
	}
	return filepath.Join(dir, "ini")
}

// runUnprivileged makes the command run as nobody in particular where we are
// root: pgbouncer refuses to be. The folder becomes that user's, and those above
// let it in.
func runUnprivileged(t testing.TB, cmd *exec.Cmd, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal("pgtest: ", err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, path := range append(files, dir) {
		if err := os.Chown(path, uid, gid); err != nil {
			t.Fatal("pgtest: ", err)
		}
	}
	for parent := filepath.Dir(dir); parent != os.TempDir() && len(parent) > 1; parent = filepath.Dir(parent) {
		if err := os.Chmod(parent, 0o711); err != nil {
			break // not ours, and open to all
		}
	}
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0
}

// freePort returns a port that nobody listens on.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal("pgtest: ", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func awaitListener(t testing.TB, address, log string) {
	t.Helper()
	for range 500 {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	said, _ := os.ReadFile(log)
	t.Fatalf("pgtest: pgbouncer does not listen:\n%s", said)
}
