package schema

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	slashpath "path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/sqltool"

	"tenantry/internal/diag"
)

// Limits of how Atlas's library, v1.3.0, reads the directories of other tools,
// and how each is met. Each has a test named TestAtlasStill… that fails when the
// limit is gone.

// flywayFiles reads the migrations of a folder in Flyway's format, of which those
// are the baselines. The limits: the library leaves out every version that a
// baseline stands for, which schemas that have begun without it still need, and
// it compares versions with a baseline's as text, so that 9 comes after 10. So it
// sees the folder without baselines, and each baseline alone.
func flywayFiles(dir string, baselines []string) ([]migrate.File, error) {
	out, err := (&sqltool.FlywayDir{FS: some{os.DirFS(dir), func(name string) bool { return !slices.Contains(baselines, name) }}}).Files()
	for _, b := range baselines {
		alone, failed := (&sqltool.FlywayDir{FS: some{os.DirFS(dir), func(name string) bool { return name == b }}}).Files()
		out, err = append(out, alone...), cmp.Or(err, failed)
	}
	return out, err
}

// some is those files of a file system that are kept, and all its folders.
type some struct {
	fs.FS
	keep func(name string) bool
}

// Open implements fs.FS.
func (s some) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if folder, ok := f.(fs.ReadDirFile); ok {
		return &someOf{folder, name, s.keep}, err
	}
	return f, err
}

// someOf is a folder of some.
type someOf struct {
	fs.ReadDirFile
	name string
	keep func(name string) bool
}

// ReadDir implements fs.ReadDirFile.
func (f *someOf) ReadDir(n int) ([]fs.DirEntry, error) {
	entries, err := f.ReadDirFile.ReadDir(n)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !e.IsDir() && !f.keep(slashpath.Join(f.name, e.Name())) }), err
}

// gooseDirective matches a line that goose, which goes by lines, takes for a word to
// itself, whatever it stands in.
var gooseDirective = regexp.MustCompile(`^--\s*\+goose (.*?)\s*$`)

// gooseText reads a file in goose's format: what is to be run, in parts that each
// end a statement, and what the file says of how. The limits: the library leaves out every line that has "Down",
// "StatementBegin" or "StatementEnd" anywhere in it, takes spaces off the ends of
// lines, in strings too, stops without a word at a line of 64 KiB, does not know where
// a statement stood, and reads over NO TRANSACTION, so that it runs what may not be in
// a transaction in one. So it does not read such files.
func (m *Migration) gooseText(diags *diag.List) (parts []span) {
	text, offset, begun, ended, inside := m.text, 0, false, false, false
	part := span{}
	for line := range strings.Lines(text) {
		begin := offset
		offset += len(line)
		word := gooseDirective.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if word == nil {
			if begun && !ended {
				part.end = offset
			} else if !begun && strings.TrimSpace(line) != "" && !strings.HasPrefix(strings.TrimSpace(line), "--") {
				diags.Errorf(m.pos(1+strings.Count(text[:begin], "\n")), "goose-directive", "a migration of goose begins with -- +goose Up")
				return nil
			}
			continue
		}
		wrong := false
		switch word[1] {
		case "Up":
			wrong, begun = begun, true
		case "Down":
			wrong, ended = !begun || ended || inside, true
		case "StatementBegin":
			wrong, inside = !begun || inside, true
		case "StatementEnd":
			wrong, inside = !inside, false
		case "NO TRANSACTION":
			m.Transactional = false
		default:
			if strings.HasPrefix(word[1], "ENVSUB") {
				diags.Errorf(m.pos(1+strings.Count(text[:begin], "\n")), "unsupported-directive", "-- +goose %s is not supported", word[1])
			}
		}
		if wrong {
			diags.Errorf(m.pos(1+strings.Count(text[:begin], "\n")), "goose-directive", "-- +goose %s has no place here", word[1])
			return nil
		}
		if part.end > part.begin {
			parts = append(parts, part)
		}
		part = span{offset, offset}
	}
	switch {
	case !begun:
		diags.Errorf(m.pos(1), "goose-directive", "a migration of goose begins with -- +goose Up")
	case inside:
		diags.Errorf(m.pos(1), "goose-directive", "-- +goose StatementBegin has no StatementEnd")
	}
	if part.end > part.begin {
		parts = append(parts, part)
	}
	return parts
}

// liquibaseLine matches the lines that tell Liquibase what to do.
var liquibaseLine = regexp.MustCompile(`(?im)^--\s*(changeset|preconditions|include|includeAll)\b(.*)$`)

// liquibase refuses what the library reads over. The limit: to it a file of
// Liquibase is SQL with comments. So a file is applied once and as a whole, and
// what a changeset says of when and how it is to run would be lost.
func (m *Migration) liquibase(diags *diag.List) {
	for _, line := range liquibaseLine.FindAllStringSubmatch(string(m.raw), -1) {
		if !strings.EqualFold(line[1], "changeset") {
			diags.Errorf(m.pos(1), "unsupported-changeset", "%s is not supported", strings.TrimSpace(line[0]))
			continue
		}
		for _, f := range strings.Fields(line[2]) {
			switch key, value, ok := strings.Cut(f, ":"); {
			case !ok || strings.Contains(line[2], "atlas:"+value) && key == "atlas":
			case f == "runInTransaction:false":
				m.Transactional = false
			case slices.Contains(liquibaseIgnored, key) || f == "dbms:postgresql":
			case slices.Contains(liquibaseRefused, key):
				diags.Errorf(m.pos(1), "unsupported-changeset", "%s of a changeset is not supported: a file is applied once, as a whole", f)
			}
		}
	}
}

var (
	liquibaseIgnored = []string{"logicalFilePath", "stripComments", "ignore", "failOnError", "runOrder", "created", "splitStatements"}
	liquibaseRefused = []string{"runOnChange", "runAlways", "context", "contextFilter", "labels", "dbms", "endDelimiter"}
)

// scan cuts SQL into statements. The limit: the library looks for the E of a string
// with escapes one byte too late, and takes the quote in E'it\'s' for its end. So
// it sees such a quote doubled, which means the same and is as long.
//
// An error is an unclosedError. The limit: the library has the place in the words
// of its error only.
func scan(text string) ([]*migrate.Stmt, error) {
	statements, err := (&postgres.Driver{}).ScanStmts(quotesDoubled(text))
	if err == nil {
		return statements, nil
	}
	unclosed := &unclosedError{line: 1, column: 1, what: err.Error()}
	if m := scanned.FindStringSubmatch(err.Error()); m != nil {
		unclosed.line, _ = strconv.Atoi(m[1])
		unclosed.column, _ = strconv.Atoi(m[2])
		unclosed.what = m[3]
	}
	return nil, unclosed
}

var scanned = regexp.MustCompile(`^([0-9]+):([0-9]+): (.*)$`)

// An unclosedError says where SQL cannot be cut into statements: at a quote or a
// parenthesis that is not closed, mostly.
type unclosedError struct {
	line, column int // counted from 1
	what         string
}

func (e *unclosedError) Error() string { return e.what }

// reportUnclosed reports why a text was not cut, which in the file stands behind
// another.
func reportUnclosed(diags *diag.List, err error, file, before string) {
	pos := diag.Pos{File: file, Line: 1, Column: 1}
	var unclosed *unclosedError
	if errors.As(err, &unclosed) {
		pos.Line, pos.Column = unclosed.line+strings.Count(before, "\n"), max(1, unclosed.column)
	}
	diags.Errorf(pos, "invalid-sql", "%s", err)
}

func quotesDoubled(sql string) string {
	if !strings.Contains(sql, `\'`) {
		return sql
	}
	var out strings.Builder
	for {
		at := sqlToken.FindStringIndex(sql)
		if at == nil {
			return out.String() + sql
		}
		token := sql[at[0]:at[1]]
		if strings.HasPrefix(token, "$") { // to where the same comes again
			if end := strings.Index(sql[at[1]:], token); end >= 0 {
				at[1] += end + len(token)
				token = sql[at[0]:at[1]]
			}
		}
		if strings.HasPrefix(token, "E'") || strings.HasPrefix(token, "e'") {
			token = strings.NewReplacer(`\\`, `\\`, `\'`, `''`).Replace(token)
		}
		out.WriteString(sql[:at[0]] + token)
		sql = sql[at[1]:]
	}
}
