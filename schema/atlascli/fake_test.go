package atlascli_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tenantry/internal/diag"
	"tenantry/internal/pgtest"
	"tenantry/schema/atlascli"
)

// What a binary may do instead of planning. Each comes back as one line, without
// noise and without the password.
func TestWhatTheBinarySaysIsOneClearError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ shell, want string }{
		"stderr":               {`echo 'Error: something is wrong' >&2; exit 1`, "something is wrong"},
		"stderr in colour":     {`printf '\033[31mError: red\033[0m\n\nUsage:\n  atlas schema apply\n' >&2; exit 1`, "red"},
		"stdout":               {`echo 'only here'; exit 1`, "only here"},
		"nothing at all":       {`exit 3`, "exit status 3"},
		"half of JSON":         {`echo '{"Changes": {"Pending": ["CREATE TAB'`, `it has not answered in JSON: {"Changes": {"Pending": ["CREATE TAB`},
		"no answer":            {`exit 0`, "more than one result"},
		"well, and yet wrong":  {`echo '{"Error": "it did not work"}'`, "it did not work"},
		"a statement's error":  {`echo '{"Changes": {"Error": {"Stmt": "SELECT 1", "Text": "no"}}}'`, "SELECT 1: no"},
		"the password":         {`echo "cannot connect to $TENANTRY_ATLAS_FROM" >&2; exit 1`, "cannot connect to postgres://…@127.0.0.1"},
		"a keyword's password": {`echo "dsn host=x password=hunter22 user=y" >&2; exit 1`, "dsn host=x password=… user=y"},
		"killed":               {`kill -9 $$`, "signal: killed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := ask(t, fake(t, c.shell))
			_, err := a.planner.Compile(context.Background(), blueprint(t, oneTable))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			for _, bad := range []string{a.password(), "hunter22", "\n", "Usage", "\x1b"} {
				if strings.Contains(err.Error(), bad) {
					t.Errorf("%q is in %q", bad, err)
				}
			}
		})
	}
}

func TestAFloodOnStderrIsCutShort(t *testing.T) {
	t.Parallel()
	a := ask(t, fake(t, `echo 'Error: first' >&2; yes "more of the same" | head -c 20000000 >&2; exit 1`))
	_, err := a.planner.Compile(context.Background(), blueprint(t, oneTable))
	if err == nil || !strings.Contains(err.Error(), "first; more of the same") || len(err.Error()) > 2000 {
		t.Errorf("%.3000v", err)
	}
}

// Atlas gives the place in the file that it has read; ours is the user's.
func TestWhatIsWrongWithTheDefinitionHasThePlaceInTheUsersFile(t *testing.T) {
	t.Parallel()
	a := ask(t, fake(t, `for f in schema.hcl; do echo "Error: $PWD/$f:8,3-9: Unsupported block; nothing like that" >&2; done; exit 1`))
	b := blueprint(t, oneTable)
	_, err := a.planner.Compile(context.Background(), b)
	list, ok := errors.AsType[diag.List](err)
	if !ok || len(list) != 1 {
		t.Fatalf("%#v", err)
	}
	if want := (diag.Pos{File: b.Files()[0], Line: 8, Column: 3}); list[0].Pos != want || list[0].Code != "invalid-hcl" || list[0].Message != "Unsupported block; nothing like that" {
		t.Errorf("%+v", list[0])
	}
}

// A binary that hangs ends with the context, and so do its children, though they
// hold its output open.
func TestAHangingBinaryEndsWithTheContextAndItsChildrenToo(t *testing.T) {
	t.Parallel()
	pids := filepath.Join(t.TempDir(), "pids")
	a := ask(t, fake(t, `sleep 1000 & echo $$ $! > `+pids+`.new; mv `+pids+`.new `+pids+`; wait`))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		until(t, func() bool { _, err := os.Stat(pids); return err == nil })
		cancel()
	}()
	_, err := a.planner.Compile(ctx, blueprint(t, oneTable))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	text, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	var binary, child int
	if _, err := fmt.Sscan(string(text), &binary, &child); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool { return !runs(binary) && !runs(child) })
}

// runs reports whether a process is there and not only waited for.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func until(t *testing.T, is func() bool) {
	for range 3000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("it does not come to be")
}

// Nobody else on the machine can read a secret off the process list: not while we
// are still to become the binary, and not after.
func TestNoSecretIsInTheProcessList(t *testing.T) {
	t.Parallel()
	seen := filepath.Join(t.TempDir(), "seen")
	url := pgtest.Role(t, pgtest.URL(t), "SUPERUSER") // with a password that no test beside this one gives to anybody
	a := askAt(t, fake(t, `tr '\0' '\n' < /proc/$$/cmdline > `+seen+`; tr '\0' '\n' < /proc/$PPID/cmdline >> `+seen+`
		cat /proc/[0-9]*/cmdline >> `+seen+` 2>/dev/null; grep -q "$TENANTRY_ATLAS_FROM" atlas.hcl schema.hcl && echo "$TENANTRY_ATLAS_FROM" >> `+seen+`; exit 1`), url)
	_, err := a.planner.Compile(context.Background(), blueprint(t, oneTable))
	if err == nil {
		t.Fatal("it worked")
	}
	text, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "--dry-run") || strings.Contains(string(text), a.password()) {
		t.Errorf("%q", text)
	}
}

// The environment leads to no managed database, and telemetry and update checks
// are off.
func TestTheBinarysEnvironment(t *testing.T) {
	seen := filepath.Join(t.TempDir(), "seen")
	for name, value := range map[string]string{"DATABASE_URL": "postgres://managed", "RECONCILE_DATABASE_URL": "x", "PGPASSWORD": "x", "OF_THE_USER": "stays", "ATLAS_NO_UPDATE_NOTIFIER": ""} {
		t.Setenv(name, value)
	}
	a := ask(t, fake(t, `env > `+seen+`; exit 1`))
	if _, err := a.planner.Compile(context.Background(), blueprint(t, oneTable)); err == nil {
		t.Fatal("it worked")
	}
	text, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nATLAS_NO_ANON_TELEMETRY=true\n", "\nATLAS_NO_UPDATE_NOTIFIER=1\n", "\nDO_NOT_TRACK=1\n", "\nOF_THE_USER=stays\n"} {
		if !strings.Contains("\n"+string(text), want) {
			t.Errorf("%q is missing", want)
		}
	}
	for _, bad := range []string{"DATABASE_URL=", "PGPASSWORD=", "TENANTRY_ATLAS_BECOME="} {
		if strings.Contains(string(text), bad) {
			t.Errorf("%s is there", bad)
		}
	}
}

func TestVersionIsAskedForAndChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ shell, want, wrong string }{
		"the oldest":      {shell: "echo 'atlas version v0.13.1'", want: "cli atlas v0.13.1"},
		"a newer one":     {shell: "echo 'atlas version v1.10.0-0a1b2c'", want: "cli atlas v1.10.0-0a1b2c"},
		"a canary":        {shell: "echo 'atlas version v1.1.1-0a1b2c-canary'", want: "cli atlas v1.1.1-0a1b2c-canary"},
		"one too old":     {shell: "echo 'atlas version v0.12.9'", wrong: "is atlas v0.12.9, and the oldest that works is v0.13.1"},
		"another program": {shell: "echo 'mongo'", wrong: "unexpected output format"},
		"one that fails":  {shell: "echo 'no licence' >&2; exit 1", wrong: "no licence"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engine, err := atlascli.Open(context.Background(), atlascli.Options{Path: script(t, c.shell)})
			switch {
			case c.wrong != "":
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("%v, want %q", err, c.wrong)
				}
			case err != nil:
				t.Error(err)
			default:
				defer engine.Close()
				if engine.Version() != c.want {
					t.Errorf("%q", engine.Version())
				}
			}
		})
	}
	if _, err := atlascli.Open(context.Background(), atlascli.Options{Path: "/nowhere/atlas"}); err == nil || !strings.Contains(err.Error(), "there is no program at /nowhere/atlas") {
		t.Errorf("%v", err)
	}
}
