package reconcile_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// samePgDump compares two schemas of a database by pg_dump's word, up to the
// order of columns.
//
// Debian's pg_dump reads servers up to its own major version. On a newer one the
// comparison of PostgreSQL's definitions, which every test makes, stands alone.
func samePgDump(t testing.TB, w *world, one, other string) {
	t.Helper()
	program, major := newestPgDump(t)
	if major < w.db.Version()/10000 {
		t.Logf("pg_dump %d does not read PostgreSQL %d", major, w.db.Version()/10000)
		return
	}
	if diff := cmp.Diff(pgDump(t, program, w.url, one), pgDump(t, program, w.url, other)); diff != "" {
		t.Errorf("pg_dump of %s and %s differ:\n%s", one, other, diff)
	}
}

// pgDump returns the lines of pg_dump --schema-only, sorted, with the schema's
// name taken out.
func pgDump(t testing.TB, program, url, name string) []string {
	t.Helper()
	out, err := exec.Command(program, "--schema-only", "--no-owner", "--schema="+name, "--dbname="+url).CombinedOutput()
	if err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, out)
	}
	named := strings.NewReplacer(name+".", "the_schema.", "SCHEMA "+name, "SCHEMA the_schema", "Schema: "+name, "Schema: the_schema", "Name: "+name+"; Type: SCHEMA", "Name: the_schema; Type: SCHEMA")
	var lines []string
	for line := range strings.SplitSeq(string(out), "\n") {
		line = strings.TrimSuffix(strings.TrimSpace(named.Replace(line)), ",")
		if line != "" && !strings.HasPrefix(line, "\\") && !strings.HasPrefix(line, "-- Dumped") && !strings.Contains(line, "pg_attver=") {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

// newestPgDump finds pg_dump in PATH and where Debian keeps it.
func newestPgDump(t testing.TB) (program string, major int) {
	t.Helper()
	candidates, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump")
	if inPath, err := exec.LookPath("pg_dump"); err == nil {
		candidates = append(candidates, inPath)
	}
	for _, c := range candidates {
		var m int
		out, err := exec.Command(c, "--version").Output()
		if _, scan := fmt.Sscanf(string(out), "pg_dump (PostgreSQL) %d", &m); err == nil && scan == nil && m > major {
			program, major = c, m
		}
	}
	if program == "" {
		t.Fatal("no pg_dump on this machine; on Debian: apt-get install postgresql")
	}
	return program, major
}
