//go:build linux || darwin

package embedded

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// noPostgres makes this a machine without PostgreSQL and with an empty cache.
func noPostgres(t *testing.T, from string) {
	t.Helper()
	places, cache, repo := searched, rootCache, repository
	t.Cleanup(func() { searched, rootCache, repository = places, cache, repo })
	empty := filepath.Dir(folder(t))
	searched, rootCache, repository = nil, empty, from
	t.Setenv("PATH", filepath.Join(empty, "bin"))
	t.Setenv("HOME", empty)
	t.Setenv("TMPDIR", empty) // the library leaves a log there
	t.Setenv("XDG_CACHE_HOME", empty)
}

func TestFind(t *testing.T) {
	bin, err := Find(t.Context(), os.Getenv("TENANTRY_TEST_POSTGRES"))
	check(t, err)
	if bin.Major < OldestMajor || !strings.HasPrefix(bin.Version, bin.Version[:2]) || !isFile(filepath.Join(bin.Dir, "initdb")) {
		t.Errorf("%+v", bin)
	}
	if _, err := Find(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "no initdb") {
		t.Errorf("error: %v", err)
	}
}

func TestFindTakesTheNewest(t *testing.T) {
	noPostgres(t, "")
	dir := folder(t)
	for _, version := range []string{"9.6.24", "13.2", "16.1", "18beta2", "17.5 (Debian 17.5-1)"} {
		fakePostgres(t, filepath.Join(dir, version), version)
	}
	searched = []string{filepath.Join(dir, "*")}
	bin, err := Find(t.Context(), "")
	check(t, err)
	if bin.Major != 18 || bin.Version != "18beta2" {
		t.Errorf("%+v", bin)
	}
	if bin, err = find(t.Context(), nil, "", 16); err != nil || bin.Version != "16.1" {
		t.Errorf("%+v, %v", bin, err)
	}
	if _, err = find(t.Context(), nil, "", 13); err == nil {
		t.Error("13 is too old")
	}
}

// fakePostgres makes a folder of programs that know their version and nothing else.
func fakePostgres(t *testing.T, dir, version string) {
	t.Helper()
	check(t, os.MkdirAll(dir, 0o755))
	for _, name := range []string{"postgres", "initdb"} {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho '"+name+" (PostgreSQL) "+version+"'\n"), 0o755))
	}
}

func TestDataOfAnotherMajor(t *testing.T) {
	dir := folder(t)
	s := begin(t, fast(dir))
	check(t, s.Close())
	check(t, os.WriteFile(filepath.Join(s.home.data(), "PG_VERSION"), []byte("9\n"), 0o600))
	for _, bin := range []string{"", filepath.Dir(mustFind(t))} {
		_, err := Start(t.Context(), Options{Dir: dir, Bin: bin})
		if err == nil || !strings.Contains(err.Error(), "was made by PostgreSQL 9, which alone can serve it") {
			t.Errorf("error: %v", err)
		}
	}
}

func mustFind(t *testing.T) string {
	bin, err := Find(t.Context(), os.Getenv("TENANTRY_TEST_POSTGRES"))
	check(t, err)
	return filepath.Join(bin.Dir, "postgres")
}

func TestFetchFails(t *testing.T) {
	noPostgres(t, "http://127.0.0.1:1")
	_, err := Start(t.Context(), Options{Dir: folder(t)})
	for _, want := range []string{"no PostgreSQL found", "http://127.0.0.1:1", "install PostgreSQL 14 or newer"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error: %v; want %q", err, want)
		}
	}
}

func TestFetch(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(repositoryOf(t, &asked))
	defer server.Close()
	noPostgres(t, server.URL)
	t.Setenv("PATH", "/usr/bin:/bin") // the programs fetched are shell scripts
	for range 2 {
		bin, err := fetch(t.Context(), nil, 0, Options{})
		check(t, err)
		if bin.Version != "18.3" || !strings.Contains(bin.Dir, "tenantry/postgresql-18") {
			t.Errorf("%+v", bin)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("fetched %d times", asked.Load())
	}
	cache, err := cacheDir()
	check(t, err)
	if left, _ := filepath.Glob(filepath.Join(cache, "fetch-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := fetch(t.Context(), nil, 12, Options{}); err == nil {
		t.Error("12 is too old to be fetched")
	}
}

// repositoryOf serves testdata/programs.txz the way the Maven repository serves PostgreSQL.
func repositoryOf(t *testing.T, asked *atomic.Int32) http.Handler {
	t.Helper()
	programs, err := os.ReadFile(filepath.Join("testdata", "programs.txz"))
	check(t, err)
	var jar bytes.Buffer
	archive := zip.NewWriter(&jar)
	entry, err := archive.Create("postgres.txz")
	check(t, err)
	_, err = entry.Write(programs)
	check(t, err)
	check(t, archive.Close())
	sum := sha256.Sum256(jar.Bytes())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			_, _ = w.Write([]byte(hex.EncodeToString(sum[:])))
			return
		}
		asked.Add(1)
		_, _ = w.Write(jar.Bytes())
	})
}
