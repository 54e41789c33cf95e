package reconcile_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry/schema"
)

// writtenNames are what a second migration is called in each format, after a first.
var writtenNames = map[schema.Format][2]string{
	schema.FormatAtlas:         {"20260102030405_first.sql", "20260102030406_and_more.sql"},
	schema.FormatFlyway:        {"V20260102030405__first.sql", "V20260102030406__and_more.sql"},
	schema.FormatGolangMigrate: {"20260102030405_first.up.sql", "20260102030406_and_more.up.sql"},
	schema.FormatGoose:         {"20260102030405_first.sql", "20260102030406_and_more.sql"},
	schema.FormatLiquibase:     {"20260102030405_first.sql", "20260102030406_and_more.sql"},
}

// hclFirst and hclMore have what a writer of files might get wrong: words of other
// tools, quotes, semicolons, and what looks like a placeholder or a mark.
const hclFirst = head + `
enum "mood" {
  schema = schema.tenant
  values = ["fine", "it's; so", "-- +goose Down", "$${flyway:defaultSchema}"]
}
table "Downtime" {
  schema  = schema.tenant
  comment = "what is; StatementEnd {schema} {name}"
  column "id" { type = bigint }
  column "mood" {
    type    = enum.mood
    default = "it's; so"
  }
  primary_key { columns = [column.id] }
}
`

const hclMore = hclFirst + `
table "users" {
  schema = schema.tenant
  column "id" { type = bigint }
  column "of" { type = bigint }
  column "text" {
    type    = text
    default = "a\nb; 'c' --\n/* d"
  }
  foreign_key "of" {
    columns     = [column.of]
    ref_columns = [table.Downtime.column.id]
  }
  check "some" {
    expr = "(text <> '--changeset x:1; '::text)"
  }
  index "by_of" {
    columns = [column.of]
    comment = "one; 'two'"
  }
}
`

// What is written is read, and applied, and then nothing is missing: in every
// format, from the first file on.
func TestAMigrationIsWrittenInEveryFormat(t *testing.T) {
	t.Parallel()
	for _, format := range schema.Formats {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{
				"atlas.hcl":    "env \"app\" {\n  src = [\"file://app.hcl\"]\n  migration {\n    dir    = \"file://m\"\n    format = \"" + string(format) + "\"\n  }\n}\n",
				"tenants.yaml": tenants("acme"),
			})
			if err := os.Mkdir(filepath.Join(w.dir, "m"), 0o755); err != nil {
				t.Fatal(err)
			}
			at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			for i, hcl := range []string{hclFirst, hclMore} {
				w.write(map[string]string{"app.hcl": hcl})
				if got := w.wrong(); !strings.Contains(got, "error[missing-migration]") {
					t.Fatalf("it says %q", got)
				}
				paths := w.writeMigration([]string{"first", "and_more"}[i], at.Add(time.Duration(i)*time.Second))
				if want := filepath.Join(w.dir, "m", writtenNames[format][i]); !slices.Contains(paths, want) {
					t.Errorf("wrote %q, want %s", paths, want)
				}
				w.converge()
			}
			w.write(map[string]string{"tenants.yaml": tenants("acme", "fresh")})
			w.converge()
			if got := value[int](w, "SELECT count(*)::int FROM tenantry.migration WHERE done AND schema = 'tenant_fresh'"); got != 2 {
				t.Errorf("%d files are recorded", got)
			}
			// A value of an enum is committed before it is used, and functions have semicolons.
			w.write(map[string]string{
				"atlas.hcl": strings.Replace(w.read("atlas.hcl"), "app.hcl\"", "app.hcl\", \"file://app.sql\"", 1),
				"app.hcl":   strings.NewReplacer(`["fine"`, `["fine", "new; one"`, `default = "it's; so"`, `default = "new; one"`).Replace(hclMore),
				"app.sql":   "CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN 1;\nEND;\n$$;",
			})
			if paths := w.writeMigration("grown", at.Add(time.Minute)); len(paths) < 2 {
				t.Errorf("wrote %q alone", paths)
			}
			w.converge()
			if diff := cmp.Diff(w.lines("tenant_fresh"), w.lines("tenant_acme")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What a format cannot hold is refused with its SQL, and nothing is written.
func TestAMigrationThatAFormatCannotHoldIsNotWritten(t *testing.T) {
	t.Parallel()
	const cannot = "what is missing cannot be written in the format of goose: "
	for name, c := range map[string]struct {
		format schema.Format
		hcl    string
		want   string
	}{
		"a word of goose's": {schema.FormatGoose, "table \"t\" {\n  schema  = schema.tenant\n  comment = \"a\\n-- +goose Down\\nb\"\n  column \"id\" { type = int }\n}\n", cannot},
		"the schema's name": {schema.FormatGolangMigrate, "", "what is missing names the schema itself"},
		"or not":            {schema.FormatFlyway, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, map[string]string{
				"atlas.hcl": "env \"app\" {\n  src = [\"file://app.hcl\"]\n  migration {\n    dir    = \"file://m\"\n    format = \"" + string(c.format) + "\"\n  }\n}\n",
				"app.hcl":   head + c.hcl, "tenants.yaml": tenants("acme"), "m/.keep": "",
			})
			if c.hcl == "" {
				w.write(map[string]string{"app.hcl": strings.Replace(head, "var.schema", "var.schema\n  comment = \"x\"", 1)})
			}
			paths, err := w.tryWriteMigration("it", time.Now())
			switch {
			case c.want == "" && err == nil:
				w.converge()
			case err == nil || c.want == "" || !strings.Contains(err.Error(), c.want):
				t.Errorf("wrote %q, %v", paths, err)
			}
			if left, _ := filepath.Glob(filepath.Join(w.dir, "m", "[^.]*")); c.want != "" && len(left) > 0 {
				t.Errorf("written: %q", left)
			}
		})
	}
}

func (w *world) writeMigration(name string, at time.Time) []string {
	w.t.Helper()
	paths, err := w.tryWriteMigration(name, at)
	if err != nil {
		w.t.Fatal(err)
	}
	return paths
}

// read returns a file of the world.
func (w *world) read(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// tryWriteMigration does what reconcile migrate new does.
func (w *world) tryWriteMigration(name string, at time.Time) ([]string, error) {
	w.t.Helper()
	desired, err := w.desired()
	if err != nil {
		w.t.Fatal(err)
	}
	missing, described, err := w.planner(desired).Missing(context.Background(), desired, "app")
	if err != nil || !described || len(missing) == 0 {
		w.t.Fatalf("missing: %+v %v %v", missing, described, err)
	}
	project, err := schema.LoadProject(filepath.Join(w.dir, "atlas.hcl"), os.Getenv)
	if err != nil {
		w.t.Fatal(err)
	}
	s, _ := project.Service("app")
	return s.Migrations.Write(name, missing, at)
}
