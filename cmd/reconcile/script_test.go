package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"tenantry/internal/atlastest"
	"tenantry/internal/embedded"
	"tenantry/internal/memdir"
	"tenantry/internal/pgtest"
	"tenantry/schema/atlascli"
)

func TestMain(m *testing.M) {
	atlascli.Become()
	testscript.Main(withServer{m}, map[string]func(){
		"reconcile": func() { os.Exit(realMain()) },
	})
}

// withServer runs the tests with the shared server. A test program that is
// executed again as reconcile never comes here.
type withServer struct{ m *testing.M }

func (w withServer) Run() int { return pgtest.Run(w.m) }

// The scripts of testdata/script are what users do, told in order, with the
// real main. Beside the verbs of testscript they have these:
//
//	exits CODE command…     runs a command that must end with the exit code
//	sql 'STATEMENTS'        runs SQL; sql -f FILE runs a file's
//	query 'SELECT …' WANT…  compares rows, a word each, columns joined by |
//	schemas NAME…           compares all schemas but PostgreSQL's own and public
//	json PATH WANT          compares a part of the JSON on stdout; see jsonVerb
//	scrub FILE              writes its times, names of runs and durations in one way
//	edit FILE OLD NEW       replaces what is there once
//	hold 'STATEMENT'        runs it in a transaction that stays open; release ends it
//	told FILE               finds what was last on stdout in a file of the repository
//	until 'SELECT …'        waits until that is true
//	await PATTERN FILE      waits until a file has a line like that
//	connect FILE            makes sql and query use the URL in the file
//	database NAME           sets the variable to the URL of another empty database
//	atlas NAME              sets the variable to the path of an Atlas binary
//	terminal command…       runs a command whose stdout is a terminal
//
// A script that lacks one of the files of testdata/world has it from there: two
// tenants, acme and globex, with a table users each.
//
// With $TENANTRY_TEST_UPDATE set, what cmp compares with is written anew.
//
// $DATABASE_URL is an empty database of the script's own; $DB_HOST, $DB_NAME
// and $DB_USER are its parts. Nothing else of the environment is handed on.
func TestScripts(t *testing.T) {
	scripts := scriptParams(t)
	scripts.Dir = "testdata/script"
	testscript.Run(t, scripts)
}

// Through PgBouncer in transaction mode everything is as it is without: some of the
// scripts, and in full size more of them.
func TestScriptsThroughAPooler(t *testing.T) {
	scripts := scriptParams(t)
	names := []string{"drift", "if_empty", "lock_timeout", "online", "shared", "together", "destructive", "history", "one_failure", "saved_plan", "waves", "database_per_tenant", "moves"}
	for _, name := range names[:pgtest.Size(4, len(names))] {
		scripts.Files = append(scripts.Files, "testdata/script/"+name+".txtar")
	}
	scripts.Setup = func(env *testscript.Env) error {
		if err := setUpScript(env); err != nil {
			return err
		}
		env.Setenv("DATABASE_URL", pgtest.Pooled(env.T().(testing.TB), env.Getenv("DATABASE_URL")))
		return nil
	}
	testscript.Run(t, scripts)
}

func scriptParams(t *testing.T) testscript.Params {
	return testscript.Params{
		WorkdirRoot:         workdirRoot(t),
		Setup:               setUpScript,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("TENANTRY_TEST_UPDATE") != "",
		RequireExplicitExec: false,
		Condition:           scriptCondition(t),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exitsVerb, "sql": sqlVerb, "query": queryVerb, "schemas": schemasVerb, "json": jsonVerb, "edit": editVerb,
			"hold": holdVerb, "release": releaseVerb, "await": awaitVerb, "connect": connectVerb,
			"told": toldVerb, "atlas": atlasVerb, "until": untilVerb, "scrub": scrubVerb, "database": databaseVerb, "terminal": terminalVerb,
		},
	}
}

// workdirRoot makes a folder that the embedded server's user may enter, which
// t.TempDir's is not.
func workdirRoot(t *testing.T) string {
	dir, err := os.MkdirTemp(memdir.Dir(), "reconcile-scripts-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// scriptKey is where a script's state is kept.
type scriptKey struct{}

// scriptState is what the verbs of one script share.
type scriptState struct {
	t    testing.TB
	url  string    // of the database that sql and query use
	held *pgx.Conn // nil where nothing is held
}

func stateOf(ts *testscript.TestScript) *scriptState { return ts.Value(scriptKey{}).(*scriptState) }

func setUpScript(env *testscript.Env) error {
	t := env.T().(testing.TB) // testscript's documentation promises that
	s := &scriptState{t: t, url: pgtest.URL(t)}
	via := pgtest.Via(t, s.url)
	u, err := url.Parse(via)
	if err != nil {
		return err
	}
	env.Values[scriptKey{}] = s
	env.Setenv("DATABASE_URL", via)
	env.Setenv("DB_HOST", u.Host)
	env.Setenv("DB_NAME", strings.TrimPrefix(u.Path, "/"))
	env.Setenv("DB_USER", u.User.Username())
	examples, err := filepath.Abs(filepath.Join(repository, "examples"))
	if err != nil {
		return err
	}
	env.Setenv("EXAMPLES", examples)
	if err := copyWorld(env.WorkDir); err != nil {
		return err
	}
	env.Defer(func() { removeEmbedded(t, env.WorkDir) })
	return nil
}

// copyWorld copies the files that the script does not have itself.
func copyWorld(dir string) error {
	const world = "testdata/world"
	files, err := os.ReadDir(world)
	if err != nil {
		return err
	}
	for _, f := range files {
		to := filepath.Join(dir, f.Name())
		if exists(to) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(world, f.Name()))
		if err == nil {
			err = os.WriteFile(to, text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removeEmbedded removes what embedded servers have left below a folder, also
// where root's server keeps its data elsewhere.
func removeEmbedded(t testing.TB, dir string) {
	found, _ := filepath.Glob(filepath.Join(dir, "*", ".tenantry"))
	own, _ := filepath.Glob(filepath.Join(dir, ".tenantry"))
	dev, _ := filepath.Glob(filepath.Join(dir, ".tenantry", "dev-*"))
	for _, d := range slices.Concat(dev, found, own) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if err := embedded.Remove(ctx, d); err != nil {
			t.Error(err)
		}
		cancel()
	}
}

// scriptCondition knows [planned], whether the tests' Atlas binary can plan on the
// tests' server, and [pooled], whether every script goes through a pooler.
func scriptCondition(t *testing.T) func(string) (bool, error) {
	return func(condition string) (bool, error) {
		switch condition {
		case "pooled":
			return os.Getenv(pgtest.PooledVar) != "", nil
		case "planned":
		default:
			return false, fmt.Errorf("unknown condition %q", condition)
		}
		bin, err := embedded.Find(context.Background(), os.Getenv(pgtest.Bin))
		return err == nil && bin.Major <= atlastest.Newest(t), err
	}
}

func atlasVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: atlas NAME")
	}
	ts.Setenv(args[0], atlastest.Binary(stateOf(ts).t))
}

func exitsVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE command…")
	}
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Check(err)
	}
	code := 0
	if exit != nil {
		code = exit.ExitCode()
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, not %s", code, args[0])
	}
}

// withConn runs f with a connection to the script's database.
func withConn(ts *testscript.TestScript, f func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, stateOf(ts).url)
	ts.Check(err)
	defer conn.Close(ctx)
	return f(ctx, conn)
}

// repository is where the files are that come with the command.
const repository = "../.."

func toldVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: told FILE")
	}
	text, err := os.ReadFile(filepath.Join(repository, args[0]))
	ts.Check(err)
	if !strings.Contains(string(text), ts.ReadFile("stdout")) {
		ts.Fatalf("%s has not this:\n%s", args[0], ts.ReadFile("stdout"))
	}
}

func sqlVerb(ts *testscript.TestScript, neg bool, args []string) {
	text := strings.Join(args, " ")
	if len(args) == 2 && args[0] == "-f" {
		text = ts.ReadFile(args[1])
	}
	err := withConn(ts, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.PgConn().Exec(ctx, text).ReadAll()
		return err
	})
	if neg != (err != nil) {
		ts.Fatalf("sql: %v", err)
	}
}

func queryVerb(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: query 'SELECT …' WANT…")
	}
	var got []string
	ts.Check(withConn(ts, func(ctx context.Context, conn *pgx.Conn) error {
		results, err := conn.PgConn().Exec(ctx, args[0]).ReadAll()
		if err != nil {
			return err
		}
		for _, row := range results[len(results)-1].Rows {
			var values []string
			for _, v := range row {
				values = append(values, string(v))
			}
			got = append(got, strings.Join(values, "|"))
		}
		return nil
	}))
	compareWords(ts, neg, got, args[1:])
}

func schemasVerb(ts *testscript.TestScript, neg bool, args []string) {
	queryVerb(ts, neg, append([]string{`SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema') ORDER BY nspname COLLATE "C"`}, args...))
}

func compareWords(ts *testscript.TestScript, neg bool, got, want []string) {
	if same := strings.Join(got, "\n") == strings.Join(want, "\n"); same == neg {
		ts.Fatalf("got  %q\nwant %q (negated: %v)", got, want, neg)
	}
}

func editVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	unescape := strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace
	text, old := ts.ReadFile(args[0]), unescape(args[1])
	if n := strings.Count(text, old); n != 1 {
		ts.Fatalf("%s has %q %d times", args[0], old, n)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, old, unescape(args[2]), 1)), 0o644))
}

func holdVerb(ts *testscript.TestScript, neg bool, args []string) {
	s := stateOf(ts)
	if neg || s.held != nil {
		ts.Fatalf("hold: something is held already")
	}
	conn, err := pgx.Connect(context.Background(), s.url)
	ts.Check(err)
	s.held = conn
	ts.Defer(func() { conn.Close(context.Background()) })
	_, err = conn.PgConn().Exec(context.Background(), "BEGIN; "+strings.Join(args, " ")).ReadAll()
	ts.Check(err)
}

func releaseVerb(ts *testscript.TestScript, neg bool, args []string) {
	s := stateOf(ts)
	if neg || s.held == nil || len(args) > 0 {
		ts.Fatalf("release: nothing is held")
	}
	ts.Check(s.held.Close(context.Background()))
	s.held = nil
}

// patience is how long to wait for what is certain to come.
const patience = 30 * time.Second

func awaitVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await PATTERN FILE")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if text, err := os.ReadFile(ts.MkAbs(args[1])); err == nil && pattern.Match(text) {
			return
		}
	}
	ts.Fatalf("%s never had %q", args[1], args[0])
}

func untilVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: until 'SELECT …'")
	}
	ts.Check(withConn(ts, func(ctx context.Context, conn *pgx.Conn) error {
		for {
			var yes bool
			if err := conn.QueryRow(ctx, args[0]).Scan(&yes); err != nil || yes {
				return err
			}
			time.Sleep(10 * time.Millisecond)
		}
	}))
}

func connectVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: connect FILE")
	}
	stateOf(ts).url = strings.TrimSpace(ts.ReadFile(args[0]))
}

func databaseVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: database NAME")
	}
	ts.Setenv(args[0], pgtest.URL(stateOf(ts).t))
}
