// Package pgtest gives tests a real PostgreSQL: a fresh database for each test, on a server that all test processes of the
// machine share.
//
// The server is one of package embedded, with everything off that makes data safe and slow. Its data directory stays in
// the temporary folder from one run to the next, since making it takes longer than starting it; nothing in it is worth
// keeping. Where $TENANTRY_TEST_POSTGRES names a folder with PostgreSQL's programs, those are used, else the newest on the
// machine.
//
// A package whose tests use pgtest hands its test main over, so that the server goes when the last test process does:
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
// Nothing is skipped: where there is no PostgreSQL, a test that needs one fails.
package pgtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"tenantry/internal/embedded"
	"tenantry/internal/memdir"
)

// Bin is the environment variable that names the folder with the programs of the PostgreSQL to test with.
const Bin = "TENANTRY_TEST_POSTGRES"

// inMain says that Main runs the tests, and so that somebody leaves the server in the end.
var inMain bool

// Full is the environment variable that has tests be as large as they are meant to be.
const Full = "TENANTRY_TEST_FULL"

// Size returns how large a test is to be: as large as it is meant to be where $TENANTRY_TEST_FULL is set, else as small as still shows
// what it is about.
func Size(small, full int) int {
	if os.Getenv(Full) != "" {
		return full
	}
	return small
}

// Main runs the tests of a package, leaves the server, and exits.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for a test main that has something to do after the tests: it returns the exit code. m is a *testing.M.
//
// Most of what such tests do, others do for them, or they wait; so more of them run at once than there are processors, unless
// -parallel says otherwise.
func Run(m interface{ Run() int }) int {
	inMain = true
	if f := flag.Lookup("test.parallel"); f != nil && f.Value.String() == f.DefValue {
		_ = f.Value.Set(strconv.Itoa(2 * runtime.GOMAXPROCS(0)))
	}
	code := m.Run()
	if err := closeShared(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		code = max(code, 1)
	}
	return code
}

var (
	startShared sync.Map // func() (*embedded.Server, error) by the folder of the programs
	started     struct { // what those have started
		sync.Mutex
		servers []*embedded.Server
	}
)

// sharedServer gives the server of the test processes with those programs, which the first test that asks for it starts or joins.
func sharedServer(t testing.TB, bin embedded.Binaries) *embedded.Server {
	t.Helper()
	if !inMain {
		t.Fatal("pgtest: this package needs: func TestMain(m *testing.M) { pgtest.Main(m) }")
	}
	start, _ := startShared.LoadOrStore(bin.Dir, sync.OnceValues(func() (*embedded.Server, error) { return openShared(bin) }))
	server, err := start.(func() (*embedded.Server, error))()
	if err != nil {
		t.Fatal("pgtest: ", err)
	}
	return server
}

// openShared starts or joins a shared server. Where that fails, it tries once more with an empty data directory: the one that is
// there may be spoilt, because the machine went down while nothing was synced.
func openShared(bin embedded.Binaries) (*embedded.Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	dir := filepath.Join(memdir.Dir(), fmt.Sprintf("tenantry-test-%d-%d", os.Getuid(), bin.Major))
	if err := claim(dir); err != nil {
		return nil, err
	}
	server, err := embedded.Start(ctx, options(dir, bin.Dir))
	if err != nil && embedded.Remove(ctx, dir) == nil {
		server, err = embedded.Start(ctx, options(dir, bin.Dir))
	}
	if err != nil {
		return nil, err
	}
	started.Lock()
	started.servers = append(started.servers, server)
	started.Unlock()
	sweepOwn()
	return server, sweep(ctx, server.URL())
}

// claim makes the folder of the shared server, whose name anybody can guess. One that somebody else has made is refused: only the
// owner may change its mode.
func claim(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// found is the PostgreSQL to test with. Tests never fetch that one.
var found = sync.OnceValues(func() (embedded.Binaries, error) {
	bin, err := embedded.Find(context.Background(), os.Getenv(Bin))
	if err != nil {
		err = fmt.Errorf("%w; install PostgreSQL %d or newer, or set $%s to the folder that holds its initdb and postgres",
			err, embedded.OldestMajor, Bin)
	}
	return bin, err
})

// find is found for a test.
func find(t testing.TB) embedded.Binaries {
	t.Helper()
	bin, err := found()
	if err != nil {
		t.Fatal("pgtest: ", err)
	}
	return bin
}

// closeShared leaves the shared servers that this process has used.
func closeShared() (err error) {
	for _, server := range started.servers {
		err = errors.Join(err, server.Close())
	}
	return err
}

// options are those of a server whose data need not outlive the machine.
func options(dir, bin string) embedded.Options {
	return embedded.Options{Dir: dir, Bin: bin, Settings: map[string]string{
		"fsync":              "off",
		"full_page_writes":   "off",
		"synchronous_commit": "off",
		"max_connections":    "200",
	}}
}
