package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/embedded"
	"tenantry/internal/pgtest"
)

// output is what a command writes while a test reads it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// watched is a folder with the files of testdata/world, and a watch of it.
type watched struct {
	t              *testing.T
	dir, url       string
	stdout, stderr *output
	read           int // how much of stdout await has been through
	interrupt      func()
	code           chan int
}

// watchWorld starts a watch of a folder.
func watchWorld(t *testing.T, dir, url string, args ...string) *watched {
	t.Helper()
	if err := copyWorld(dir); err != nil {
		t.Fatal(err)
	}
	w := &watched{t: t, dir: dir, url: url, stdout: &output{}, stderr: &output{}, code: make(chan int, 1)}
	args = append([]string{"--watch", "-f", w.path("tenants.yaml"), "-c", w.path("atlas.hcl")}, args...)
	if url != "" {
		args = append(args, "--database-url", url)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.interrupt = cancel
	go func() { w.code <- run(ctx, args, w.stdout, w.stderr) }()
	t.Cleanup(func() {
		if cancel(); t.Failed() {
			t.Logf("stdout:\n%s\nstderr:\n%s", w.stdout, w.stderr)
		}
	})
	return w
}

func (w *watched) path(name string) string { return filepath.Join(w.dir, name) }

func (w *watched) write(name, text string) {
	w.t.Helper()
	fresh := w.path(name) + "~" // as editors do it: it is never half written
	if err := os.WriteFile(fresh, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(fresh, w.path(name)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) edit(name, before, after string) {
	w.t.Helper()
	text, err := os.ReadFile(w.path(name))
	if err != nil || strings.Count(string(text), before) != 1 {
		w.t.Fatalf("%s does not have %q once: %v", name, before, err)
	}
	w.write(name, strings.Replace(string(text), before, after, 1))
}

// await waits until the rest of stdout has a line like that.
func (w *watched) await(pattern string) {
	w.t.Helper()
	w.read += w.find(w.stdout, pattern, w.read)
}

// complains waits until stderr has a line like that.
func (w *watched) complains(pattern string) {
	w.t.Helper()
	w.find(w.stderr, pattern, 0)
}

func (w *watched) find(o *output, pattern string, from int) (end int) {
	w.t.Helper()
	line := regexp.MustCompile("(?m)" + pattern)
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if found := line.FindStringIndex(o.String()[from:]); found != nil {
			return found[1]
		}
		select {
		case code := <-w.code:
			w.t.Fatalf("it ended with exit code %d before there was %q", code, pattern)
		default:
		}
	}
	w.t.Fatalf("there never was %q", pattern)
	return 0
}

// ends waits for the end.
func (w *watched) ends(want int) {
	w.t.Helper()
	select {
	case code := <-w.code:
		if code != want {
			w.t.Fatalf("exit code %d, not %d", code, want)
		}
	case <-time.After(patience):
		w.t.Fatal("it does not end")
	}
}

func (w *watched) stop() {
	w.t.Helper()
	w.interrupt()
	w.ends(exitDone)
}

// query returns the rows of a query, a word each.
func (w *watched) query(sql string) string {
	w.t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, _ := conn.Query(ctx, sql)
	words, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(words, " ")
}

func (w *watched) schemas(want string) {
	w.t.Helper()
	if got := w.query(`SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'tenant\_%' ORDER BY 1`); got != want {
		w.t.Errorf("schemas %q, not %q", got, want)
	}
}

const stamp = `^\d\d:\d\d:\d\d `

const aColumn = "column \"%s\" {\n    null = true\n    type = text\n  }\n  # more of users"

func TestWatchAppliesWhatIsSaved(t *testing.T) {
	t.Parallel()
	w := watchWorld(t, t.TempDir(), pgtest.URL(t))
	w.await(stamp + `started: created 2 tenants in `)
	w.edit("tenants.yaml", "globex", "globex, initech")
	w.await(stamp + `.*tenants.yaml changed: created 1 tenant in `)
	w.schemas("tenant_acme tenant_globex tenant_initech")

	w.edit("app.hcl", "# more of users", fmt.Sprintf(aColumn, "note"))
	w.await(stamp + `.*app.hcl changed: changed 3 tenants in .*\nchanged 3 tenants: acme, globex, initech .*\n +ALTER TABLE .* ADD COLUMN "note" text NULL;`)
	w.edit("tenants.yaml", "tenants:", "# the same\ntenants:")
	w.await(stamp + `.*tenants.yaml changed: nothing to do$`)

	// What a changed project names is watched from then on.
	w.edit("atlas.hcl", `"file://app.hcl"`, `"file://app.hcl", "file://more"`)
	w.complains(`more": no such file`)
	if err := os.Mkdir(w.path("more"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.write("more/posts.hcl", "table \"posts\" {\n  schema = schema.tenant\n  column \"id\" {\n    type = int\n  }\n}\n")
	w.await(`posts.hcl changed: changed 3 tenants`)
	w.edit("more/posts.hcl", "int", "bigint")
	w.await(`posts.hcl changed: changed 3 tenants`)

	w.edit("tenants.yaml", ", initech", "")
	w.await(`nothing to do; 1 schema no longer in the file`)
	w.schemas("tenant_acme tenant_globex tenant_initech")
	w.stop()
}

func TestWatchOutlivesBrokenFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tenants.yaml"), []byte("tenants: [acme"), 0o644); err != nil {
		t.Fatal(err)
	}
	w := watchWorld(t, dir, pgtest.URL(t))
	w.await(stamp + `started: 1 error; nothing was touched`)
	w.complains(`tenants.yaml:1:\d+: error\[`)
	w.write("tenants.yaml", "tenants: [acme]")
	w.await(`tenants.yaml changed: created 1 tenant`)

	w.edit("app.hcl", "type = text", "typ = text")
	w.await(`app.hcl changed: \d+ errors?; nothing was touched`)
	w.complains(`app.hcl:\d+:\d+: error\[`)
	w.edit("tenants.yaml", "acme", "acme, globex") // the HCL is broken still
	w.await(`tenants.yaml changed: \d+ errors?; nothing was touched`)
	w.schemas("tenant_acme")
	w.edit("app.hcl", "typ = text", "type = text")
	w.await(`app.hcl changed: created 1 tenant`)

	w.edit("atlas.hcl", "env", "environment")
	w.await(`atlas.hcl changed: \d+ errors?; nothing was touched`)
	w.edit("atlas.hcl", "environment", "env")
	w.await(`atlas.hcl changed: nothing to do`)

	app, err := os.ReadFile(w.path("app.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(w.path("app.hcl")); err != nil {
		t.Fatal(err)
	}
	w.await(`app.hcl changed: 1 error; nothing was touched`)
	w.write("app.hcl", string(app))
	w.await(`app.hcl changed: nothing to do`)
	w.stop()
}

func TestWatchAwaitsTheDatabase(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	w := watchWorld(t, t.TempDir(), server.URL())
	w.await(`started: created 2 tenants`)
	server.Stop()
	w.edit("tenants.yaml", "globex", "globex, initech")
	w.await(`tenants.yaml changed: database main.*; trying again`)
	w.edit("tenants.yaml", "initech", "initech, hooli")
	server.Start()
	w.await(`: created 2 tenants`)
	w.schemas("tenant_acme tenant_globex tenant_hooli tenant_initech")
	w.query("CHECKPOINT") // a test's server loses what it has not written
	server.Crash()
	w.edit("tenants.yaml", "hooli", "hooli, umbrella")
	w.await(`: created 1 tenant`)
	w.stop()
}

func TestWatchAwaitsTheDatabaseFromTheBeginning(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	server.Stop()
	w := watchWorld(t, t.TempDir(), server.URL())
	w.await(`started: database main .*; trying again`)
	server.Start()
	w.await(`tried again: created 2 tenants`)
	w.stop()
}

// What would not come right by waiting ends a watch that has only begun.
func TestWatchDoesNotBeginWithAWrongURL(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	w := watchWorld(t, t.TempDir(), url[:strings.LastIndex(url, "/")]+"/no_such_database?sslmode=disable")
	w.ends(exitError)
	w.complains(`no_such_database`)
}

func TestWatchIsInterruptedInTheMiddle(t *testing.T) {
	t.Parallel()
	w := watchWorld(t, t.TempDir(), pgtest.URL(t), "--lock-timeout", "1m")
	w.await(`started: created 2 tenants`)
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, w.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.PgConn().Exec(ctx, "BEGIN; LOCK TABLE tenant_globex.users IN ACCESS SHARE MODE").ReadAll(); err != nil {
		t.Fatal(err)
	}
	w.edit("app.hcl", "# more of users", fmt.Sprintf(aColumn, "note"))
	for w.query("SELECT 'yes' FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == "" {
		time.Sleep(5 * time.Millisecond)
	}
	for w.query("SELECT 'yes' FROM pg_attribute WHERE attname = 'note' AND attrelid = 'tenant_acme.users'::regclass") == "" {
		time.Sleep(5 * time.Millisecond)
	}
	w.stop()
	w.complains(stamp + `stopped$`)
	w.await(`app.hcl changed: changed 1 tenant, skipped 1 tenant`)
	if got := w.query("SELECT table_schema::text FROM information_schema.columns WHERE column_name = 'note'"); got != "tenant_acme" {
		t.Errorf("the column is in %q", got)
	}
}

func TestWatchIsInterruptedByTheSystem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := copyWorld(dir); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("reconcile", "--watch")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "DATABASE_URL=" + pgtest.URL(t)}
	w := &watched{t: t, stdout: &output{}, stderr: &output{}}
	cmd.Stdout, cmd.Stderr = w.stdout, w.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.await(`started: created 2 tenants`)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, w.stderr)
	}
}

func TestWatchStaysOnThisMachine(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"postgres://shop:Geheim1@db.example.com/shop", "host=203.0.113.7 user=shop password=Geheim2", "postgres://shop:Geheim3@localhost,standby/shop"} {
		w := watchWorld(t, t.TempDir(), url)
		w.ends(exitUsage)
		w.complains(`database main is on (db\.example\.com|203\.0\.113\.7|standby), not on this machine.*--remote`)
		if strings.Contains(w.stderr.String()+w.stdout.String(), secretMark) {
			t.Error("that is the password")
		}
	}
	w := watchWorld(t, t.TempDir(), "postgres://shop:Geheim@no-such-host.invalid/shop", "--remote")
	w.await(`started: database main \(no-such-host.*trying again`)
	w.stop()
}

func TestWatchDestroysNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tenants.yaml"), []byte("policy: {destructive: allow}\ntenants: [acme]"), 0o644); err != nil {
		t.Fatal(err)
	}
	w := watchWorld(t, dir, pgtest.URL(t))
	w.await(`created 1 tenant`)
	const email = "column \"email\" {\n    null = false\n    type = text\n  }\n"
	w.edit("app.hcl", email, "")
	w.await(`app.hcl changed: 1 tenant blocked in .*\nblocked: change the tenant acme\n.*destroys data`)
	w.edit("tenants.yaml", "acme", "acme, globex")
	w.await(`tenants.yaml changed: created 1 tenant, 1 tenant blocked`)
	w.edit("app.hcl", "# more of users", email+"  # more of users")
	w.await(`app.hcl changed: changed 1 tenant`) // globex was made without
	w.stop()
}

func TestWatchShowsPlansOnly(t *testing.T) {
	t.Parallel()
	w := watchWorld(t, t.TempDir(), pgtest.URL(t), "--dry-run")
	w.await(`started: would create 2 tenants$`)
	w.edit("tenants.yaml", "globex", "globex, initech")
	w.await(`tenants.yaml changed: would create 3 tenants$`)
	w.await(`create 3 tenants: acme, globex, initech`)
	w.schemas("")
	w.stop()
}

func TestWatchWritesADocumentALine(t *testing.T) {
	t.Parallel()
	w := watchWorld(t, t.TempDir(), pgtest.URL(t), "-o", "json")
	w.await(`^\{.*"outcome":"applied".*\}$`)
	w.edit("tenants.yaml", "globex", "globex, initech")
	w.await(`^\{.*"unchanged":2.*\}$`)
	w.edit("tenants.yaml", "tenants:", "tenant:")
	w.await(`^\{.*"diagnostics":\[\{.*\}$`)
	w.complains(stamp + `.*tenants.yaml changed: created 1 tenant in `)
	w.stop()
	lines := strings.Split(strings.TrimSpace(w.stdout.String()), "\n")
	if len(lines) != 3 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("that is no JSON: %s", line)
		}
	}
}

// Of a large fleet what has changed comes first, and the rest is looked at too.
func TestWatchOfALargeFleet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var tenants strings.Builder
	tenants.WriteString("tenants:\n")
	for i := range largeFleet {
		fmt.Fprintf(&tenants, "  - t%03d\n", i)
	}
	if err := os.WriteFile(filepath.Join(dir, "tenants.yaml"), []byte(tenants.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	w := watchWorld(t, dir, pgtest.URL(t))
	w.await(fmt.Sprintf(`started: created %d tenants`, largeFleet))
	w.query("ALTER TABLE tenant_t007.users ADD COLUMN stray int; ")
	w.write("tenants.yaml", tenants.String()+"  - fresh\n")
	w.await(`tenants.yaml changed: created 1 tenant in`)
	w.await(`tenants.yaml changed: 1 tenant blocked in`) // the stray column would be dropped
	w.stop()
}

// The embedded server is there for as long as the watch is.
func TestWatchKeepsTheEmbeddedServer(t *testing.T) {
	t.Parallel()
	dir := workdirRoot(t)
	t.Cleanup(func() { removeEmbedded(t, dir) })
	w := watchWorld(t, dir, "", "--embedded")
	w.await(`started: created 2 tenants`)
	server, err := embedded.Start(t.Context(), embedded.Options{Dir: filepath.Join(dir, ".tenantry")}) // it joins the one that runs
	if err != nil {
		t.Fatal(err)
	}
	pid := server.PID()
	w.edit("tenants.yaml", "globex", "globex, initech")
	w.await(`created 1 tenant`)
	if server.PID() != pid {
		t.Error("that is another server")
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	for server.PID() == pid {
		time.Sleep(5 * time.Millisecond)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	w.edit("tenants.yaml", "initech", "initech, hooli")
	w.await(`created 1 tenant`)
	w.stop()
}

func TestWatchRefusesFlagsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--remote"}, {"--poll", "1s"}, {"--watch", "--write", "json=x"}, {"--watch", "--dry-run", "--detailed-exitcode"},
		{"--watch", "--poll", "1ms"}, {"--watch", "--poll", "-1s"},
		{"--watch", "-o", "markdown"}, {"--watch", "-o", "sarif"},
	} {
		if code := run(t.Context(), args, &output{}, &output{}); code != exitUsage {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
}
