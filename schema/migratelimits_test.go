package schema

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/sqltool"
)

// folder makes a folder of files by name and content.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAtlasStillLeavesOutWhatABaselineStandsFor(t *testing.T) {
	t.Parallel()
	dir, err := sqltool.NewFlywayDir(folder(t, map[string]string{"B10__base.sql": "", "V9__a.sql": "", "V1__b.sql": "", "V11__c.sql": ""}))
	if err != nil {
		t.Fatal(err)
	}
	files, err := dir.Files()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	if got, broken := strings.Join(names, " "), "B10__base.sql V9__a.sql V11__c.sql"; got != broken {
		t.Errorf("the library reads %s now, and not %s: flywayFiles may not be needed any more", got, broken)
	}
}

func TestAtlasStillDropsLinesWithTheWordsOfGoose(t *testing.T) {
	t.Parallel()
	text := "-- +goose Up\nCREATE TABLE a (\n  \"Downtime\" int, -- StatementEnd\n  b int\n);\n-- +goose Down\nDROP TABLE a;\n"
	f := &sqltool.GooseFile{LocalFile: migrate.NewLocalFile("1_a.sql", []byte(text))}
	stmts, err := f.Stmts()
	if err != nil || len(stmts) != 1 || strings.Contains(stmts[0], "Downtime") {
		t.Errorf("the library reads %q (%v) now: gooseStatements may not be needed any more", stmts, err)
	}
	ours, err := gooseStatements("1_a.sql", text)
	if err != nil || len(ours) != 1 || !strings.Contains(ours[0].Text, `"Downtime" int, -- StatementEnd`) {
		t.Errorf("read: %+v %v", ours, err)
	}
}

func TestAtlasStillReadsOverChangesets(t *testing.T) {
	t.Parallel()
	dir, err := sqltool.NewLiquibaseDir(folder(t, map[string]string{"1_a.sql": "--liquibase formatted sql\n--changeset me:1 runOnChange:true\nSELECT 1;\n--changeset me:2\nSELECT 2;\n"}))
	if err != nil {
		t.Fatal(err)
	}
	files, err := dir.Files()
	if err != nil || len(files) != 1 {
		t.Errorf("the library knows changesets now (%d files, %v): Migration.liquibase may not be needed any more", len(files), err)
	}
}

func TestAtlasStillEndsAStringAtAnEscapedQuote(t *testing.T) {
	t.Parallel()
	const text = `INSERT INTO a VALUES (E'it\'s; \\', 'b\', $x$\'$x$); SELECT 2;`
	if stmts, err := (&postgres.Driver{}).ScanStmts(text); err == nil && len(stmts) == 2 {
		t.Error("the library knows strings with escapes now: quotesDoubled may not be needed any more")
	}
	stmts, err := scan(text)
	if err != nil || len(stmts) != 2 || stmts[0].Text != `INSERT INTO a VALUES (E'it''s; \\', 'b\', $x$\'$x$);` {
		t.Errorf("cut into %+v, %v", stmts, err)
	}
}

// TestFlywayChecksum holds the checksum to the check value of CRC32, and to lines
// without their ends.
func TestFlywayChecksum(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int32{"": 0, "a\nb": flywayChecksum("ab"), "\ufeffa\r\nb\r\n": flywayChecksum("ab"), "123456789": -873187034} {
		if got := flywayChecksum(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
