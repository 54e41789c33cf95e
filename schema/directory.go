package schema

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/sqltool"

	"tenantry/internal/diag"
)

// Format says how the files of a versioned directory are named and written.
type Format string

// The formats that Atlas's library reads.
const (
	FormatAtlas         Format = "atlas" // with atlas.sum
	FormatFlyway        Format = "flyway"
	FormatGolangMigrate Format = "golang-migrate"
	FormatGoose         Format = "goose"
	FormatLiquibase     Format = "liquibase" // formatted SQL, a file at a time
)

// Formats lists them.
var Formats = []Format{FormatAtlas, FormatFlyway, FormatGolangMigrate, FormatGoose, FormatLiquibase}

// History says where what was applied is read from and written to.
type History string

const (
	HistoryTenantry History = "tenantry" // in the control schema
	HistoryFlyway   History = "flyway"   // in Flyway's own table in the target's schema, so that Flyway may take turns
)

// Order says what becomes of a version that comes after higher ones were
// applied, in the words of Atlas's exec_order.
type Order string

const (
	OrderLinear     Order = "LINEAR"      // it is refused
	OrderLinearSkip Order = "LINEAR_SKIP" // it is left out
	OrderNonLinear  Order = "NON_LINEAR"  // it is applied, as with Flyway's outOfOrder
)

// A Directory is a folder of versioned migrations: how a service's schema comes
// to be what it is.
type Directory struct {
	Service      string
	Path         string
	Format       Format
	History      History
	Table        string // Flyway's table, where History is HistoryFlyway
	Order        Order
	Baseline     string            // what a schema without a history has already: this version and those before
	Placeholders map[string]string // of ${name}, besides the tenant's variables
	Pos          diag.Pos

	files   []migrate.File    // as the library read them
	scripts map[string]string // Flyway's settings of single files, by the file's name
	folders []string
	notes   diag.List
}

// read reads the directory's files and checks them as far as that goes without
// the values of placeholders.
func (d *Directory) read(diags *diag.List) {
	info, err := os.Stat(d.Path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("it is not a folder")
	}
	if err != nil {
		diags.Errorf(d.Pos, "missing-directory", "the migrations of env %q: %s: %s", d.Service, d.Path, reason(err))
		diags.Hintf("paths are relative to the folder of the project file")
		return
	}
	d.folders = foldersOf(d.Path)
	switch d.Format {
	case FormatAtlas:
		d.readAtlas(diags)
	case FormatFlyway:
		d.readFlyway(diags)
	case FormatGolangMigrate:
		dir, err := sqltool.NewGolangMigrateDir(d.Path)
		d.keep(diags, dir, err)
	case FormatGoose:
		dir, err := sqltool.NewGooseDir(d.Path)
		d.keep(diags, dir, err)
	case FormatLiquibase:
		dir, err := sqltool.NewLiquibaseDir(d.Path)
		d.keep(diags, dir, err)
	}
}

// keep takes the files as the library has read them.
func (d *Directory) keep(diags *diag.List, dir migrate.Dir, err error) {
	if err == nil {
		d.files, err = dir.Files()
	}
	if err != nil {
		diags.Errorf(diag.Pos{File: d.Path}, "unreadable-directory", "%s", err)
	}
}

// readAtlas reads a directory of Atlas's own, which atlas.sum vouches for.
func (d *Directory) readAtlas(diags *diag.List) {
	dir, err := migrate.NewLocalDir(d.Path)
	if err == nil {
		if wrong := migrate.Validate(dir); wrong != nil {
			diags.Errorf(diag.Pos{File: filepath.Join(d.Path, migrate.HashFileName)}, "atlas-sum", "%s", saySum(wrong))
			diags.Hintf("if the files are as they should be: reconcile migrate hash %s", d.Path)
			return
		}
	}
	d.keep(diags, dir, err)
}

func saySum(err error) string {
	if sum, ok := err.(*migrate.ChecksumError); ok && sum.File != "" {
		return fmt.Sprintf("it does not match the files: %s was %s", sum.File, sum.Reason)
	}
	return strings.TrimPrefix(err.Error(), "sql/migrate: ")
}

// foldersOf returns a folder and those in it, for whoever waits for changes.
func foldersOf(root string) []string {
	var out []string
	filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			out = append(out, path)
		}
		return nil
	})
	return out
}

// paths returns the paths of the files.
func (d *Directory) paths() []string {
	var out []string
	for _, f := range d.files {
		out = append(out, filepath.Join(d.Path, filepath.FromSlash(f.Name())))
	}
	return out
}

// migrations returns the migrations that the files are for those variables: the
// baselines, then the versions in their order, then the repeatable ones.
func (d *Directory) migrations(diags *diag.List, vars map[string]string) []*Migration {
	var out []*Migration
	seen := make(map[string]*Migration)
	for _, f := range d.files {
		m := d.migration(diags, f, vars)
		if m == nil {
			continue
		}
		if twin := seen[m.key()]; twin != nil {
			diags.Errorf(m.pos(1), "duplicate-version", "%s has the version of %s", m.Script, twin.Script)
			continue
		}
		seen[m.key()] = m
		out = append(out, m)
	}
	slices.SortStableFunc(out, compareMigrations)
	return out
}
