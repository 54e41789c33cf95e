package schema

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/sqltool"

	"tenantry/internal/diag"
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

// readGoose reads a file in goose's format as the product does.
func readGoose(t *testing.T, text string) *Migration {
	t.Helper()
	var diags diag.List
	d := &Directory{Format: FormatGoose}
	m := d.migration(&diags, migrate.NewLocalFile("1_a.sql", []byte(text)), nil)
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	return m
}

// Each of these is a reason not to have the library read files of goose's.
func TestAtlasStillReadsGooseInItsOwnWay(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 70_000)
	for name, c := range map[string]struct{ text, broken, want string }{
		"drops lines with its words": {
			text: "CREATE TABLE a (\n  \"Downtime\" int, -- StatementEnd\n  b int\n);", broken: "CREATE TABLE a (\n  b int\n);", want: "CREATE TABLE a (\n  \"Downtime\" int, -- StatementEnd\n  b int\n)"},
		"takes spaces off strings":      {text: "SELECT 'a  \nb';", broken: "SELECT 'a\nb';", want: "SELECT 'a  \nb'"},
		"stops at a long line":          {text: "SELECT 1;\nSELECT '" + long + "';\nSELECT 2;", broken: "SELECT 1;", want: "SELECT 1; SELECT '" + long + "'; SELECT 2"},
		"puts its own words in strings": {text: "SELECT 'a;\nb';", broken: "SELECT 'a;\n-- ATLAS_DELIM_END\nb';", want: "SELECT 'a;\nb'"},
		"keeps a block together":        {text: "-- +goose StatementBegin\nSELECT 1; SELECT 2\n-- +goose StatementEnd\nSELECT 3;", broken: "SELECT 1; SELECT 2 SELECT 3;", want: "SELECT 1; SELECT 2; SELECT 3"},
	} {
		text := "-- +goose Up\n" + c.text + "\n-- +goose Down\nSELECT 'not here';\n"
		stmts, err := (&sqltool.GooseFile{LocalFile: migrate.NewLocalFile("1_a.sql", []byte(text))}).Stmts()
		if broken := strings.Join(stmts, " "); err == nil && broken != c.broken && !(name == "keeps a block together" && len(stmts) == 2) && !(name == "puts its own words in strings" && len(stmts) == 2) {
			t.Errorf("%s: the library reads %.200q now (%v): Migration.gooseText may not be needed any more", name, broken, err)
		}
		var ours []string
		for _, s := range readGoose(t, text).statements {
			ours = append(ours, s.SQL)
		}
		if got := strings.Join(ours, "; "); got != c.want {
			t.Errorf("%s: read %.200q, want %.200q", name, got, c.want)
		}
	}
}

// To the library NO TRANSACTION is a comment: it knows its own word alone.
func TestAtlasStillReadsOverGoosesNoTransaction(t *testing.T) {
	t.Parallel()
	const text = "-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1;\n"
	dir, err := sqltool.NewGooseDir(folder(t, map[string]string{"1_a.sql": text}))
	if err != nil {
		t.Fatal(err)
	}
	files, err := dir.Files()
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if f, ok := files[0].(interface{ Directive(string) []string }); !ok || len(f.Directive("txmode")) > 0 {
		t.Error("the library knows NO TRANSACTION now: Migration.gooseText need not look for it")
	}
	if m := readGoose(t, text); m.Transactional {
		t.Error("NO TRANSACTION was read over")
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

func TestAtlasStillHasThePlaceInTheWordsOfItsErrors(t *testing.T) {
	t.Parallel()
	const text = "SELECT 1;\n\nCREATE TABLE a (id int;\n"
	if _, err := (&postgres.Driver{}).ScanStmts(text); err == nil || !scanned.MatchString(err.Error()) {
		t.Errorf("the library says %v: is the place in the error itself now?", err)
	}
	var diags diag.List
	_, err := scan(text)
	reportUnclosed(&diags, err, "a.sql", "-- two lines\n\n")
	if got := diags.Error(); got != "a.sql:5:16: error[invalid-sql]: unclosed '('" {
		t.Error(got)
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
