package main

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
)

// folder is one user's, with the files of testdata/world.
type folder struct {
	t   testing.TB
	dir string
}

func newFolder(t testing.TB) folder {
	f := folder{t: t, dir: t.TempDir()}
	if err := copyWorld(f.dir); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f folder) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// tenants writes a tenants file with databases.main of that YAML.
func (f folder) tenants(main string) {
	f.write("tenants.yaml", "databases:\n  main: "+main+"\ntenants: [acme, globex]\n")
}

func (f folder) edit(name, before, after string) {
	f.t.Helper()
	text, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil || strings.Count(string(text), before) != 1 {
		f.t.Fatalf("%s does not have %q once: %v", name, before, err)
	}
	f.write(name, strings.Replace(string(text), before, after, 1))
}

// reconcile runs the command, fails the test where a secret comes out of it, and
// returns the exit code.
func (f folder) reconcile(args, env []string) int {
	f.t.Helper()
	cmd := f.command(args, env)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	f.check(cmd, stdout.String(), stderr.String())
	return cmd.ProcessState.ExitCode()
}

func (f folder) command(args, env []string) *exec.Cmd {
	if !strings.Contains(strings.Join(args, " "), "status") && !strings.Contains(strings.Join(args, " "), "diff") {
		args = append(args, "--write", "json=out/run.json", "--write", "text=out/run.txt", "--write", "sql=out/run.sql")
	}
	if err := os.MkdirAll(filepath.Join(f.dir, "out"), 0o755); err != nil {
		f.t.Fatal(err)
	}
	cmd := exec.Command("reconcile", args...)
	cmd.Dir = f.dir
	// CI, so that no embedded server is started where there is no URL at all.
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/no-home", "CI=true"}, env...)
	return cmd
}

func (f folder) check(cmd *exec.Cmd, stdout, stderr string) {
	f.t.Helper()
	shown := map[string]string{"stdout": stdout, "stderr": stderr}
	written, _ := filepath.Glob(filepath.Join(f.dir, "out", "*"))
	for _, path := range written {
		text, err := os.ReadFile(path)
		if err != nil {
			f.t.Error(err)
		}
		shown[filepath.Base(path)] = string(text)
	}
	for name, text := range shown {
		if strings.Contains(text, secretMark) {
			f.t.Errorf("%s shows the password:\n%s", name, text)
		}
	}
	if stderr == "" && stdout == "" {
		f.t.Errorf("%v says nothing at all", cmd.Args)
	}
}

// watchProcesses fails the test where a process shows a secret in its arguments
// that the user has not put there.
func watchProcesses(t testing.TB) {
	var watching sync.WaitGroup
	stop := make(chan struct{})
	watching.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, path := range found {
				line, _ := os.ReadFile(path) // the process may have gone
				if bytes.Contains(line, []byte(secretMark)) && !bytes.Contains(line, []byte("--database-url\x00")) {
					t.Errorf("the process list shows the password: %q", line)
				}
			}
		}
	})
	t.Cleanup(func() { close(stop); watching.Wait() })
}

// secretWorld is a database and a role whose password is a secret.
type secretWorld struct {
	t              testing.TB
	url            string
	role, database string
	admin          *pgx.Conn
}

func newSecretWorld(t testing.TB) *secretWorld {
	t.Helper()
	adminURL := pgtest.URL(t)
	u, err := url.Parse(pgtest.Role(t, adminURL, ""))
	if err != nil {
		t.Fatal(err)
	}
	w := &secretWorld{t: t, role: u.User.Username(), database: strings.TrimPrefix(u.Path, "/")}
	if w.admin, err = pgx.Connect(t.Context(), adminURL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.admin.Close(context.Background()) })
	secret := newSecret()
	w.exec("ALTER ROLE ROLE PASSWORD '" + secret + "'; GRANT ALL ON DATABASE DATABASE TO ROLE")
	u.User = url.UserPassword(w.role, secret)
	w.url = u.String()
	return w
}

func (w *secretWorld) fill(sql string) string {
	return strings.NewReplacer("ALTER ROLE ROLE", "ALTER ROLE "+w.role, "DATABASE DATABASE", "DATABASE "+w.database, "ROLE", w.role).Replace(sql)
}

func (w *secretWorld) exec(sql string) {
	w.t.Helper()
	if _, err := w.admin.PgConn().Exec(context.Background(), w.fill(sql)).ReadAll(); err != nil {
		w.t.Fatalf("%s: %v", w.fill(sql), err)
	}
}

// wait waits until a query is true.
func (w *secretWorld) wait(sql string) {
	w.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var yes bool
		if err := w.admin.QueryRow(context.Background(), w.fill(sql)).Scan(&yes); err != nil {
			w.t.Fatal(err)
		}
		if yes {
			return
		}
	}
	w.t.Fatalf("never: %s", w.fill(sql))
}

// checkControlSchema looks for secrets in every row of the control schema.
func (w *secretWorld) checkControlSchema() {
	w.t.Helper()
	var text string
	err := w.admin.QueryRow(context.Background(), `SELECT coalesce(string_agg(query_to_xml(format('SELECT * FROM %I.%I', schemaname, tablename), true, false, '')::text, ''), '')
		FROM pg_tables WHERE schemaname = 'tenantry'`).Scan(&text)
	if err != nil {
		w.t.Fatal(err)
	}
	if strings.Contains(text, secretMark) {
		w.t.Errorf("the control schema holds the password:\n%s", text)
	}
}
