package schema

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"

	"tenantry/internal/diag"
)

// migrationName matches what a new migration may be called.
var migrationName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// Write writes a new migration into the directory, with atlas.sum where that
// vouches for it, and returns the paths of its files. Its version is the next
// number where versions are small numbers, else the time. What has to be committed
// before the rest comes in a migration of its own. What the format could not hold as
// it is meant is an error, and nothing is written.
func (d *Directory) Write(name string, statements []Statement, now time.Time) (paths []string, err error) {
	if !migrationName.MatchString(name) {
		return nil, fmt.Errorf("%q is not a name for a migration: letters, digits, _ and -", name)
	}
	defer func() {
		if err != nil {
			for _, p := range paths {
				os.Remove(p)
			}
			paths = nil
			d.sum()
		}
	}()
	for _, s := range statements {
		if err := d.canName(s.SQL); err != nil {
			return nil, err
		}
	}
	for _, f := range d.drafts(name, statements, now) {
		for name, text := range f.files {
			path := filepath.Join(d.Path, name)
			if err := writeNew(path, []byte(text)); err != nil {
				return paths, err
			}
			paths = append(paths, path)
		}
		if err := d.sum(); err != nil {
			return paths, err
		}
		if err := d.readBack(f); err != nil {
			return paths, err
		}
	}
	slices.Sort(paths)
	return paths, nil
}

// A draft is a migration that is to be written.
type draft struct {
	script     string
	statements []string
	files      map[string]string // by name; the script is one of them
}

// drafts returns the migrations that the statements make.
func (d *Directory) drafts(name string, statements []Statement, now time.Time) (out []draft) {
	committed := slices.IndexFunc(statements, func(s Statement) bool { return s.Transactional })
	if committed > 0 && committed < len(statements) {
		out = append(out, d.draft(d.next(now, 0), name+"_before", statements[:committed]))
		statements = statements[committed:]
	}
	return append(out, d.draft(d.next(now, len(out)), name, statements))
}

func (d *Directory) draft(version, name string, statements []Statement) draft {
	var up, down []string
	f := draft{script: version + "_" + name + ".sql"}
	for i, s := range statements {
		comment := strings.Join(strings.Fields(s.Comment), " ")
		sql := d.inSearchPath(s.SQL)
		f.statements = append(f.statements, sql)
		var undo []string
		for _, r := range s.Reverse {
			undo = append(undo, d.ended(d.inSearchPath(r)))
		}
		down = append(undo, down...)
		switch text := d.ended(sql); d.Format {
		case FormatLiquibase:
			whole := ""
			if strings.Contains(sql, ";") {
				whole = " splitStatements:false"
			}
			text = fmt.Sprintf("--changeset tenantry:%s-%d%s\n--comment: %s\n%s", version, i+1, whole, comment, text)
			for _, r := range undo {
				text += "\n--rollback " + strings.ReplaceAll(r, "\n", "\n--rollback ")
			}
			up = append(up, text+"\n")
		default:
			up = append(up, "-- "+comment, text)
		}
	}
	text := strings.Join(up, "\n") + "\n"
	switch d.Format {
	case FormatFlyway:
		f.script = "V" + version + "__" + name + ".sql"
	case FormatGolangMigrate:
		f.script = version + "_" + name + ".up.sql"
	case FormatGoose:
		text = "-- +goose Up\n" + text + "\n-- +goose Down\n" + strings.Join(down, "\n") + "\n"
	case FormatLiquibase:
		text = "--liquibase formatted sql\n\n" + text
	}
	f.files = map[string]string{f.script: text}
	switch {
	case d.Format == FormatGolangMigrate:
		f.files[version+"_"+name+".down.sql"] = strings.Join(down, "\n") + "\n"
	case d.Format == FormatFlyway && placeholder.MatchString(strings.ReplaceAll(text, ownSchema, "")):
		f.files[f.script+".conf"] = "placeholderReplacement=false\n"
	}
	return f
}

// readBack makes sure that a migration that was written is read as it was meant.
func (d *Directory) readBack(f draft) error {
	again := *d
	again.files, again.notes = nil, nil
	var diags diag.List
	again.read(&diags)
	for _, file := range again.files {
		if file.Name() != f.script {
			continue
		}
		m := again.migration(&diags, file, nil)
		if m == nil || diags.HasErrors() {
			break
		}
		var read []string
		for _, s := range m.statements {
			read = append(read, s.With(Names{Schema: "own"}).SQL)
		}
		meant := slices.Clone(f.statements)
		for i := range meant {
			meant[i] = strings.ReplaceAll(meant[i], ownSchema, `"own"`)
		}
		if slices.Equal(read, meant) {
			return nil
		}
	}
	why := "it would be read otherwise"
	if err := diags.Err(); err != nil {
		why = err.Error()
	}
	return fmt.Errorf("what is missing cannot be written in the format of %s: %s; nothing was written. What is missing:\n%s", d.Format, why, strings.Join(f.statements, ";\n"))
}

// next returns the version of a new migration, or of one that comes so many later.
func (d *Directory) next(now time.Time, after int) string {
	highest := 0
	for _, f := range d.files {
		version := leadingNumber.FindString(strings.TrimLeft(filepath.Base(f.Name()), "VBR"))
		if n, err := strconv.Atoi(version); err == nil {
			highest = max(highest, n)
		}
	}
	if highest > 0 && highest < 100_000 {
		return strconv.Itoa(highest + 1 + after)
	}
	return now.UTC().Add(time.Duration(after) * time.Second).Format("20060102150405")
}

var leadingNumber = regexp.MustCompile(`^[0-9]+`)

// ownSchema is how a file in Flyway's format names the target's schema.
const ownSchema = `"${flyway:defaultSchema}"`

// inSearchPath leaves the target's schema out of a statement: its names are looked
// up there. What is about the schema itself has to name it.
func (d *Directory) inSearchPath(sql string) string {
	return strings.TrimSpace(strings.NewReplacer("{"+schemaMark+"}", schemaMark, schemaMark+".", "", schemaMark, ownSchema).Replace(sql))
}

// canName refuses a statement about the schema itself where the format has no word
// for that.
func (d *Directory) canName(sql string) error {
	if d.Format == FormatFlyway || !strings.Contains(strings.NewReplacer("{"+schemaMark, "", schemaMark+".", "").Replace(sql), schemaMark) {
		return nil
	}
	return fmt.Errorf("what is missing names the schema itself, for which the format of %s has no word; take it out of src: %s", d.Format, Render(sql, "schema"))
}

// ended returns a statement with what ends it. goose takes a semicolon in it for its
// end where it ends a line.
func (d *Directory) ended(sql string) string {
	if d.Format == FormatGoose && strings.Contains(sql, ";") {
		return "-- +goose StatementBegin\n" + sql + ";\n-- +goose StatementEnd"
	}
	return sql + ";"
}

func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// sum brings atlas.sum up to date.
func (d *Directory) sum() error {
	if d.Format != FormatAtlas {
		return nil
	}
	return Hash(d.Path)
}

// Hash writes atlas.sum, which vouches for the files of a directory in Atlas's
// format, as they are.
func Hash(path string) error {
	dir, err := migrate.NewLocalDir(path)
	if err != nil {
		return err
	}
	sum, err := dir.Checksum()
	if err != nil {
		return err
	}
	return migrate.WriteSumFile(dir, sum)
}
