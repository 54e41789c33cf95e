package schema

import (
	"bufio"
	"bytes"
	"hash/crc32"
	"io/fs"
	"os"
	slashpath "path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"tenantry/internal/diag"
)

// Flyway's rules, as its documentation has them:
// https://documentation.red-gate.com/fd/migrations-184127470.html. Which of them
// hold here is listed in docs/migrations.md, a test each.

// flywayName matches Flyway's names with its default prefixes and separator.
var flywayName = regexp.MustCompile(`^([VUB])([0-9]+(?:[._][0-9]+)*)__(.*)\.sql$|^R__(.*)\.sql$`)

// flywayCallback matches the names of scripts that Flyway runs at certain moments.
var flywayCallback = regexp.MustCompile(`^(before|after|create)[A-Z][A-Za-z]*(__.*)?\.sql$`)

// readFlyway reads a directory in Flyway's format, subfolders included.
func (d *Directory) readFlyway(diags *diag.List) {
	d.scripts = make(map[string]string)
	var baselines []string
	err := filepath.WalkDir(d.Path, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			if err == nil && p != d.Path && strings.HasPrefix(e.Name(), ".") {
				return fs.SkipDir
			}
			return err
		}
		rel, err := filepath.Rel(d.Path, p)
		if err == nil && d.flywayFile(diags, p, e.Name()) && e.Name()[0] == 'B' {
			baselines = append(baselines, filepath.ToSlash(rel))
		}
		return err
	})
	if err == nil && !diags.HasErrors() {
		d.files, err = flywayFiles(d.Path, baselines)
	}
	if err != nil {
		diags.Errorf(diag.Pos{File: d.Path}, "unreadable-directory", "%s", reason(err))
	}
}

// flywayFile reports whether a file of the folder is a migration, and says so
// where it is something that Flyway would not leave alone.
func (d *Directory) flywayFile(diags *diag.List, p, name string) bool {
	at := diag.Pos{File: p}
	switch m := flywayName.FindStringSubmatch(name); {
	case strings.HasSuffix(name, ".sql.conf"):
		content, err := os.ReadFile(p)
		if err != nil {
			diags.Errorf(at, "unreadable-file", "%s", reason(err))
		}
		d.scripts[strings.TrimSuffix(name, ".conf")] = string(content)
		return false
	case filepath.Ext(name) != ".sql":
		return false
	case m != nil && m[1] == "U":
		d.notes.Warnf(at, "undo-ignored", "%s: undo migrations are not used", name)
		return false
	case m != nil:
		return true
	case flywayCallback.MatchString(name):
		diags.Errorf(at, "unsupported-callback", "%s: Flyway's callbacks are not run", name)
		diags.Hintf("a repeatable migration (R__…) runs whenever it has changed; move the file elsewhere if it is not needed")
		return false
	}
	diags.Errorf(at, "invalid-migration-name", "%s is not a name that Flyway knows: V1__what_it_does.sql, R__what_it_is.sql or B1__baseline.sql", name)
	return false
}

// flyway takes the file's name apart, and returns its text with placeholders
// replaced.
func (d *Directory) flyway(diags *diag.List, m *Migration, vars map[string]string) string {
	part := flywayName.FindStringSubmatch(slashpath.Base(m.Script))
	m.Description = strings.ReplaceAll(part[3]+part[4], "_", " ")
	m.Version = strings.ReplaceAll(part[2], "_", ".")
	switch part[1] {
	case "":
		m.Type, m.wholesale = MigrationRepeatable, true
	case "B":
		m.Type = MigrationBaseline
	}
	replace := true
	for key, value := range d.settings(diags, m) {
		switch key + "=" + value {
		case "executeInTransaction=true", "placeholderReplacement=true", "encoding=UTF-8":
		case "executeInTransaction=false":
			m.Transactional = false
		case "placeholderReplacement=false":
			replace, m.wholesale = false, false
		default:
			diags.Errorf(diag.Pos{File: m.path() + ".conf"}, "unsupported-setting", "%s=%s is not supported for a script", key, value)
		}
	}
	text := string(bytes.TrimPrefix(m.raw, []byte("\ufeff")))
	if !replace {
		return escapeMarks(text)
	}
	return d.replacePlaceholders(diags, m, text, vars)
}

// settings returns what the file's .conf says.
func (d *Directory) settings(diags *diag.List, m *Migration) map[string]string {
	out := make(map[string]string)
	for line := range strings.Lines(d.scripts[slashpath.Base(m.Script)]) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		out[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	return out
}

var placeholder = regexp.MustCompile(`\$\{([^{}\n]*)\}`)

// replacePlaceholders replaces ${…}. Those that Flyway has by itself become marks
// where each target has its own; names are compared without case, as Flyway does.
func (d *Directory) replacePlaceholders(diags *diag.List, m *Migration, text string, vars map[string]string) string {
	marks := map[string]string{"flyway:defaultschema": nameMark, "flyway:user": userMark, "flyway:database": databaseMark}
	own := map[string]string{"flyway:filename": slashpath.Base(m.Script), "flyway:table": d.Table}
	var known []string
	for _, from := range []map[string]string{d.Placeholders, vars} {
		for k, v := range from {
			own[strings.ToLower(k)] = v
			delete(marks, strings.ToLower(k))
			known = append(known, k)
		}
	}
	slices.Sort(known)
	var out strings.Builder
	literal, end := "", 0 // what is said as it is since the last mark, and where that goes on
	for _, at := range placeholder.FindAllStringSubmatchIndex(text, -1) {
		literal += text[end:at[0]]
		end = at[1]
		name := text[at[2]:at[3]]
		mark, isMark := marks[strings.ToLower(name)]
		if !isMark {
			value, ok := own[strings.ToLower(name)]
			if !ok {
				diags.Errorf(m.pos(1+strings.Count(text[:at[0]], "\n")), "unknown-placeholder", "no value is given for the placeholder ${%s}", name)
				suggest(diags, name, known)
				diags.Hintf("give it in placeholders of the migration block, or as a tenant's vars")
			}
			literal += value
			continue
		}
		if mark == nameMark && strings.HasPrefix(text[end:], ".") && !strings.HasSuffix(text[:at[0]], `"`) && !strings.HasSuffix(text[:at[0]], "'") {
			mark = identMark
		}
		if before, ok := strings.CutSuffix(literal, "{"); ok { // or it would double the mark's
			out.WriteString(escapeMarks(before) + braceMark + mark)
		} else {
			out.WriteString(escapeMarks(literal) + mark)
		}
		literal = ""
	}
	return out.String() + escapeMarks(literal+text[end:])
}

// placeholdersOf returns the names of the placeholders that the files use.
func (d *Directory) placeholdersOf() []string {
	var out []string
	for _, f := range d.files {
		for _, m := range placeholder.FindAllSubmatch(f.Bytes(), -1) {
			if name := string(m[1]); d.Format == FormatFlyway && !strings.HasPrefix(strings.ToLower(name), "flyway:") {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// flywayChecksum is Flyway's: the CRC32 of the lines without their ends.
func flywayChecksum(text string) int32 {
	sum := crc32.NewIEEE()
	text = strings.TrimPrefix(text, "\ufeff")
	lines := bufio.NewScanner(strings.NewReader(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)))
	lines.Buffer(nil, len(text)+1)
	for lines.Scan() {
		sum.Write(lines.Bytes())
	}
	return int32(sum.Sum32())
}
