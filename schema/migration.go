package schema

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"ariga.io/atlas/sql/migrate"

	"tenantry/internal/diag"
)

// MigrationType is what kind of migration a file is.
type MigrationType string

const (
	MigrationVersioned  MigrationType = "versioned"
	MigrationRepeatable MigrationType = "repeatable" // applied again whenever it has changed
	MigrationBaseline   MigrationType = "baseline"   // for new schemas, in place of all versions up to its own
)

// A Migration is one file of a versioned directory.
type Migration struct {
	Service       string
	Script        string // its path in the directory, with slashes
	Version       string // as it is written, "" of a repeatable one
	Description   string
	Type          MigrationType
	Transactional bool // false: statement by statement, each recorded
	Directory     *Directory

	statements []Statement // as the file has them, with the marks of Names
	parts      []span      // where each stands in the text
	text       string      // for checksums: with placeholders replaced but for the marks of Names
	raw        []byte
	wholesale  bool // text is what the checksum is of, not raw
}

// Key identifies the migration in its service, in whatever way its version is
// written.
func (m *Migration) Key() string { return m.key() }

func (m *Migration) key() string { return migrationKey(m.Type, m.Version, m.Description) }

func migrationKey(t MigrationType, version, description string) string {
	switch t {
	case MigrationRepeatable:
		return "R " + description
	case MigrationBaseline:
		return "B " + canonicalVersion(version)
	}
	return "V " + canonicalVersion(version)
}

// pos is the place of a line of the file.
func (m *Migration) pos(line int) diag.Pos {
	return diag.Pos{File: m.path(), Line: line, Column: 1}
}

// path is the file's, with the directory's.
func (m *Migration) path() string {
	return filepath.Join(m.Directory.Path, filepath.FromSlash(m.Script))
}

// at is the place of one of its statements.
func (m *Migration) at(statement int) diag.Pos {
	return m.inFile(m.source().posAt(m.parts[statement].begin))
}

// placeOf is the place of what is wrong with one of its statements.
func (m *Migration) placeOf(failed *StatementError, statement int) diag.Pos {
	return m.inFile(m.source().placeOf(failed, m.parts[statement]))
}

func (m *Migration) source() source { return source{path: m.path(), data: []byte(m.text)} }

// inFile returns a place in the text as one in the file: where values have been put
// into the line, the line.
func (m *Migration) inFile(pos diag.Pos) diag.Pos {
	if line := pos.Line - 1; lineOf(m.text, line) != lineOf(string(m.raw), line) {
		pos.Column = 1
	}
	return pos
}

// lineOf returns a line of a text, counted from 0.
func lineOf(text string, line int) string {
	lines := strings.SplitN(text, "\n", line+2)
	if line >= len(lines) {
		return ""
	}
	return strings.TrimSuffix(lines[line], "\r")
}

// Checksum returns the file's checksum for a target of those names: Flyway's own
// for its format, else of the content.
func (m *Migration) Checksum(n Names) string {
	text := string(m.raw)
	if m.wholesale {
		text = n.marksWith(n.Schema).Replace(m.text)
	}
	if m.Directory.Format == FormatFlyway {
		return strconv.Itoa(int(flywayChecksum(text)))
	}
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Prefix returns a hash of the first statements, to tell whether what has run of
// a file is what the file still says.
func (m *Migration) Prefix(count int) string {
	h := sha256.New()
	for _, s := range m.statements[:min(count, len(m.statements))] {
		fmt.Fprintf(h, "%d:%s\n", len(s.SQL), s.SQL)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Len returns how many statements the file has.
func (m *Migration) Len() int { return len(m.statements) }

// compareMigrations orders baselines, versions and repeatable ones, each by
// version or description.
func compareMigrations(a, b *Migration) int {
	rank := map[MigrationType]int{MigrationBaseline: 0, MigrationVersioned: 1, MigrationRepeatable: 2}
	return cmp.Or(cmp.Compare(rank[a.Type], rank[b.Type]), compareVersions(a.Version, b.Version), cmp.Compare(a.Description, b.Description), cmp.Compare(a.Script, b.Script))
}

// versionParts returns the numbers of a version, without zeros that end it. A
// part that is no number counts as more than any.
func versionParts(version string) []string {
	parts := strings.FieldsFunc(version, func(r rune) bool { return r == '.' || r == '_' })
	for i := range parts {
		if trimmed := strings.TrimLeft(parts[i], "0"); trimmed != "" || parts[i] != "" {
			parts[i] = cmp.Or(trimmed, "0")
		}
	}
	for len(parts) > 0 && parts[len(parts)-1] == "0" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

// canonicalVersion is the same for two ways to write a version: 1.0 and 01.
func canonicalVersion(version string) string { return strings.Join(versionParts(version), ".") }

// compareVersions compares versions number by number, whatever their length.
func compareVersions(a, b string) int {
	return slices.CompareFunc(versionParts(a), versionParts(b), func(x, y string) int {
		return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
	})
}

// migration makes a migration of a file, or nil where it is none or is wrong.
func (d *Directory) migration(diags *diag.List, f migrate.File, vars map[string]string) *Migration {
	m := &Migration{
		Service: d.Service, Script: f.Name(), Version: f.Version(), Description: f.Desc(), Type: MigrationVersioned,
		Transactional: true, Directory: d, raw: f.Bytes(),
	}
	content := string(f.Bytes())
	switch d.Format {
	case FormatFlyway:
		content = d.flyway(diags, m, vars)
	case FormatAtlas:
		if slices.Contains(migrate.NewLocalFile(f.Name(), f.Bytes()).Directive("txmode"), "none") {
			m.Transactional = false
		}
	case FormatLiquibase:
		m.liquibase(diags)
	}
	if d.Format != FormatFlyway {
		m.Version, m.Description = numberedName(diags, m)
		content = escapeMarks(content)
	}
	m.text = content
	m.split(diags)
	return m
}

// numberedName returns the version and the description of a file that begins with
// a number, as all formats but Flyway's have it.
func numberedName(diags *diag.List, m *Migration) (version, description string) {
	name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(m.Script), ".sql"), ".up")
	version, description, _ = strings.Cut(name, "_")
	if strings.Trim(version, "0123456789") != "" || version == "" {
		diags.Errorf(m.pos(1), "invalid-migration-name", "%s does not begin with a version: a number, _ and a description", m.Script)
	}
	return version, strings.ReplaceAll(description, "_", " ")
}

// split cuts the text into statements.
func (m *Migration) split(diags *diag.List) {
	stmts := m.scan(diags)
	if len(stmts) > 1 && isTransactionEnd(stmts[0].Text, "BEGIN", "START TRANSACTION") && isTransactionEnd(stmts[len(stmts)-1].Text, "COMMIT", "END") {
		stmts = stmts[1 : len(stmts)-1] // a file is a transaction anyway
	}
	for _, s := range stmts {
		sql := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s.Text), ";"))
		if len(tokensOf(sql)) == 0 { // a comment
			continue
		}
		line := 1 + strings.Count(m.text[:min(max(s.Pos, 0), len(m.text))], "\n")
		m.checkStatement(diags, line, sql)
		m.statements = append(m.statements, Statement{
			SQL: local(sql), Comment: m.Script + ":" + strconv.Itoa(line), Transactional: !isConcurrent(sql), Hazards: []Hazard{}, Named: true,
		})
		m.parts = append(m.parts, span{s.Pos, min(s.Pos+len(s.Text), len(m.text))})
		if isConcurrent(sql) {
			m.Transactional = false
		}
	}
}

// scan cuts the text with the library's scanner.
func (m *Migration) scan(diags *diag.List) (out []*migrate.Stmt) {
	parts := []span{{0, len(m.text)}}
	if m.Directory.Format == FormatGoose {
		parts = m.gooseText(diags)
	}
	for _, p := range parts {
		stmts, err := scan(m.text[p.begin:p.end])
		if err != nil {
			reportUnclosed(diags, err, m.path(), m.text[:p.begin])
			return nil
		}
		for _, s := range stmts {
			s.Pos += p.begin
			out = append(out, s)
		}
	}
	return out
}

func isTransactionEnd(sql string, words ...string) bool {
	text := strings.ToUpper(strings.Join(strings.Fields(strings.TrimSuffix(strings.TrimSpace(sql), ";")), " "))
	return slices.Contains(words, strings.TrimSuffix(strings.TrimSuffix(text, " TRANSACTION"), " WORK")) || slices.Contains(words, text)
}

// checkStatement refuses what reaches beyond the schema or the transaction.
func (m *Migration) checkStatement(diags *diag.List, line int, sql string) {
	t := clause(tokensOf(sql))
	refuse := func(what, hint string) {
		diags.Errorf(m.pos(line), "unsupported-statement", "%s does not belong in a migration", what)
		diags.Hintf("%s", hint)
	}
	for _, words := range []string{"BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PREPARE TRANSACTION"} {
		if _, ok := t.starts(strings.Fields(words)...); ok {
			refuse(words, "each file is a transaction of its own")
		}
	}
	for _, words := range []string{"SET ROLE", "SET SESSION", "RESET", "DISCARD", "CREATE DATABASE", "DROP DATABASE", "DROP SCHEMA", "ALTER SYSTEM", "VACUUM", "COPY"} {
		if _, ok := t.starts(strings.Fields(words)...); ok {
			refuse(words, "a migration changes the target's own schema, and nothing that outlives its transaction")
		}
	}
	if rest, ok := t.starts("CREATE", "SCHEMA"); ok {
		if rest, ok = rest.starts("IF", "NOT", "EXISTS"); !ok || len(rest) == 0 || !slices.Contains([]string{nameMark, `"` + nameMark + `"`}, rest[0]) {
			refuse("CREATE SCHEMA", "the target's own schema is there already; another one is another service")
		}
	}
	if t.has("DETACH", "PARTITION") && t.has("CONCURRENTLY") {
		refuse("DETACH PARTITION CONCURRENTLY", "leave CONCURRENTLY out")
	}
}
