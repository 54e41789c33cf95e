package schema

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/sqltool"
)

// formatters write a plan as each format has it. What undoes a Flyway migration is
// left out: nothing here would use it.
var formatters = map[Format]migrate.Formatter{
	FormatAtlas: migrate.DefaultFormatter, FormatFlyway: sqltool.FlywayFormatter, FormatGolangMigrate: sqltool.GolangMigrateFormatter,
	FormatGoose: sqltool.GooseFormatter, FormatLiquibase: sqltool.LiquibaseFormatter,
}

// migrationName matches what a new migration may be called.
var migrationName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// Write writes a new migration into the directory, with atlas.sum where that
// vouches for it, and returns the paths of its files. Its version is the next
// number where versions are small numbers, else the time.
func (d *Directory) Write(name string, statements []Statement, now time.Time) ([]string, error) {
	if !migrationName.MatchString(name) {
		return nil, fmt.Errorf("%q is not a name for a migration: letters, digits, _ and -", name)
	}
	plan := &migrate.Plan{Version: d.next(now), Name: name}
	for _, s := range statements {
		change := &migrate.Change{Cmd: inSearchPath(s.SQL), Comment: s.Comment}
		for _, r := range s.Reverse {
			change.Reverse = inSearchPath(r)
		}
		plan.Changes = append(plan.Changes, change)
	}
	files, err := formatters[d.Format].Format(plan)
	if err != nil {
		return nil, fmt.Errorf("atlas: %w", err)
	}
	var paths []string
	for _, f := range files {
		if d.Format == FormatFlyway && strings.HasPrefix(f.Name(), "U") {
			continue
		}
		path := filepath.Join(d.Path, numbered(f.Name(), plan.Version))
		if err := writeNew(path, f.Bytes()); err != nil {
			return paths, err
		}
		paths = append(paths, path)
	}
	return paths, d.sum()
}

// next returns the version of a new migration.
func (d *Directory) next(now time.Time) string {
	highest := 0
	for _, f := range d.files {
		version := leadingNumber.FindString(strings.TrimLeft(filepath.Base(f.Name()), "VBR"))
		if n, err := strconv.Atoi(version); err == nil {
			highest = max(highest, n)
		}
	}
	if highest > 0 && highest < 100_000 {
		return strconv.Itoa(highest + 1)
	}
	return now.UTC().Format("20060102150405")
}

var leadingNumber = regexp.MustCompile(`^[0-9]+`)

// numbered puts the version in place of the time that Atlas's formatters begin a
// name with.
func numbered(name, version string) string {
	prefix := ""
	if strings.HasPrefix(name, "V") {
		prefix, name = "V", name[1:]
	}
	return prefix + version + strings.TrimPrefix(name, leadingNumber.FindString(name))
}

// inSearchPath leaves the target's schema out of a statement: its names are looked
// up there.
func inSearchPath(sql string) string {
	return strings.NewReplacer("{"+schemaMark+"}", schemaMark, schemaMark+".", "", schemaMark, "").Replace(sql)
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
	dir, err := migrate.NewLocalDir(d.Path)
	if err != nil {
		return err
	}
	sum, err := dir.Checksum()
	if err != nil {
		return err
	}
	return migrate.WriteSumFile(dir, sum)
}
