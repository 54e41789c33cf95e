//go:build linux || darwin

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// OldestMajor is the oldest PostgreSQL that is started.
const OldestMajor = 14

// Binaries are the programs of one PostgreSQL.
type Binaries struct {
	Dir     string // the folder that holds initdb and postgres
	Version string // as postgres --version says it, "15.13"
	Major   int    // 15
}

// searched are the places, as patterns, where packages put PostgreSQL's programs.
var searched = []string{
	"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                   // Red Hat with the packages of postgresql.org
	"/usr/libexec/postgresql*",                           // Alpine
	"/opt/homebrew/opt/postgresql@*/bin",                 // Homebrew on Apple silicon
	"/usr/local/opt/postgresql@*/bin",                    // Homebrew on Intel
	"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
}

// Find looks for PostgreSQL's programs: in bin if that is given, else on the whole machine, where the newest wins. It
// does not fetch any.
func Find(ctx context.Context, bin string) (Binaries, error) {
	user, err := unprivileged()
	if err != nil {
		return Binaries{}, err
	}
	return find(ctx, user, bin, 0)
}

// errNotFound is returned by find where the machine has no PostgreSQL that will do.
var errNotFound = errors.New("no PostgreSQL found on this machine")

// find is Find for a user, and for one major version unless that is 0.
func find(ctx context.Context, user *account, bin string, major int) (Binaries, error) {
	if bin != "" {
		return findIn(ctx, user, bin, major)
	}
	var best Binaries
	var others []string
	for _, dir := range candidates() {
		b, err := inspect(ctx, user, dir)
		switch {
		case err != nil:
			continue
		case b.Major < OldestMajor || major != 0 && b.Major != major:
			others = append(others, fmt.Sprintf("%s in %s", b.Version, dir))
		case b.Major > best.Major:
			best = b
		}
	}
	if best.Major != 0 {
		return best, nil
	}
	if len(others) > 0 {
		return Binaries{}, fmt.Errorf("%w that will do, only %s", errNotFound, strings.Join(others, ", "))
	}
	return Binaries{}, errNotFound
}

// findIn checks the folder that the user named.
func findIn(ctx context.Context, user *account, bin string, major int) (Binaries, error) {
	dir, err := filepath.Abs(bin)
	if err != nil {
		return Binaries{}, err
	}
	b, err := inspect(ctx, user, dir)
	switch {
	case err != nil:
		return Binaries{}, fmt.Errorf("PostgreSQL in %s cannot be used: %w", dir, err)
	case b.Major < OldestMajor:
		return Binaries{}, fmt.Errorf("PostgreSQL %s in %s is too old: %d is the oldest that will do", b.Version, dir, OldestMajor)
	case major != 0 && b.Major != major:
		return Binaries{}, fmt.Errorf("%w that will do, only %s in %s", errNotFound, b.Version, dir)
	}
	return b, nil
}

// candidates lists the folders that hold a postgres and an initdb, those of the search path first.
func candidates() []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range searched {
		found, _ := filepath.Glob(pattern)
		dirs = append(dirs, found...)
	}
	var complete []string
	for _, dir := range dirs {
		if isFile(filepath.Join(dir, "postgres")) && isFile(filepath.Join(dir, "initdb")) {
			complete = append(complete, dir)
		}
	}
	return complete
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`)

// inspect asks the postgres in a folder for its version, as the user who is to run it.
func inspect(ctx context.Context, user *account, dir string) (Binaries, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if !isFile(filepath.Join(dir, "initdb")) {
		return Binaries{}, fmt.Errorf("there is no initdb in %s", dir)
	}
	out, err := output(ctx, user.command(filepath.Join(dir, "postgres"), "--version"))
	if err != nil {
		return Binaries{}, err
	}
	match := versionLine.FindStringSubmatch(out)
	if match == nil {
		return Binaries{}, fmt.Errorf("unknown version: %s", strings.TrimSpace(out))
	}
	major, err := strconv.Atoi(match[2])
	return Binaries{Dir: dir, Version: match[1], Major: major}, err
}
