package adopt_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"tenantry/internal/diag"
	"tenantry/internal/pgtest"
	"tenantry/internal/postgres"
	"tenantry/schema"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// The final version of every life of reconcile's testdata, or the fullest where
// little is left in the end, is made, written down from the live schema, and
// compiled again.
func TestAWrittenDefinitionMakesWhatItWasTakenFrom(t *testing.T) {
	files, err := filepath.Glob("../../reconcile/testdata/evolutions/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sections := make(map[string]string)
			for _, f := range archive.Files {
				sections[f.Name] = string(f.Data)
			}
			w := newWorld(t)
			if oldest, err := strconv.Atoi(strings.TrimSpace(sections["requires.txt"])); err == nil && w.db.Version()/10000 < oldest {
				return // this server does not know what is in the file
			}
			if s := sections["setup.sql"]; s != "" {
				w.exec(s)
			}
			last := 1
			for sections[fmt.Sprintf("v%d.hcl", last+1)]+sections[fmt.Sprintf("v%d.sql", last+1)] != "" {
				last++
			}
			w.version(sections, telling(sections, last))
		})
	}
}

// telling returns the last version, or the fullest where that says more than
// twice as much.
func telling(sections map[string]string, last int) int {
	size := func(v int) int { return len(sections[fmt.Sprintf("v%d.hcl", v)] + sections[fmt.Sprintf("v%d.sql", v)]) }
	fullest := last
	for v := 1; v < last; v++ {
		if size(v) > size(fullest) {
			fullest = v
		}
	}
	if size(fullest) > 2*size(last) {
		return fullest
	}
	return last
}

type world struct {
	t   *testing.T
	db  *postgres.DB
	url string
	p   *schema.Planner
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, url: pgtest.URL(t)}
	var err error
	if w.db, err = postgres.Open(context.Background(), "main", w.url, 5); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.db.Close)
	w.p = &schema.Planner{Engine: schema.Native{}, Workbench: w.db.Workbench, Nonce: nonce}
	return w
}

func nonce() string {
	b := make([]byte, 6)
	rand.Read(b)
	return hex.EncodeToString(b)
}

const head = `
variable "schema" {
  type    = string
  default = "tenant"
}
schema "tenant" {
  name = var.schema
}
`

// version makes the schemas of one version, writes definitions of them, and
// compares.
func (w *world) version(sections map[string]string, v int) {
	t := w.t
	dir := t.TempDir()
	section := func(name string) string { return sections[fmt.Sprintf("v%d.%s", v, name)] }
	start, ok := sections["head.hcl"]
	if !ok {
		start = head
	}
	project := "env \"app\" {\n  src = [\"file://app.hcl\", \"file://app.sql\"]\n}\n"
	if section("shared.hcl") != "" {
		project += "env \"identity\" {\n  src = [\"file://identity.hcl\"]\n}\n"
	}
	for name, text := range map[string]string{"atlas.hcl": project, "app.hcl": start + section("hcl"), "app.sql": section("sql"), "identity.hcl": section("shared.hcl")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := schema.LoadProject(filepath.Join(dir, "atlas.hcl"), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	var shared, drafted []*schema.Blueprint
	if section("shared.hcl") != "" {
		b, err := loaded.SharedBlueprint("identity", nil, diag.Pos{})
		if err != nil {
			t.Fatal(err)
		}
		shared = append(shared, b)
		w.make(b, "identity")
		drafted = append(drafted, w.draft(v, "identity", nil))
	}
	b, err := loaded.Blueprint([]string{"app"}, shared, nil, diag.Pos{})
	if err != nil {
		t.Fatal(err)
	}
	w.make(b, "tenant_x")
	w.draft(v, "tenant_x", drafted)
	w.exec(`DROP SCHEMA tenant_x CASCADE; DROP SCHEMA IF EXISTS identity CASCADE`)
}

func (w *world) make(b *schema.Blueprint, name string) {
	w.t.Helper()
	c, err := w.p.Compile(context.Background(), b)
	if err != nil {
		w.t.Fatal(err)
	}
	sql := ""
	for _, s := range c.Statements() {
		sql += s.For(name) + ";\n"
		if strings.HasPrefix(s.SQL, "CREATE SCHEMA") {
			sql += "SET search_path = " + schema.QuoteIdent(name) + ", public;\n"
		}
	}
	w.exec(sql)
}

func (w *world) draft(v int, name string, shared []*schema.Blueprint) *schema.Blueprint {
	t, ctx := w.t, context.Background()
	t.Helper()
	lines, err := w.db.Lines(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := w.db.Columns(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	live := schema.Live{Service: "app", Lines: lines, Columns: columns, Shared: shared}
	if name == "identity" {
		live.Service, live.Schema = name, name
	}
	d, err := w.p.Draft(ctx, live)
	if err != nil {
		t.Fatalf("version %d of %s: %v", v, name, err)
	}
	if len(d.Reprinted) == 0 && d.Compiled.Fingerprint != schema.FingerprintOf(lines) || len(d.Unsaid) > 0 {
		t.Errorf("version %d of %s: %s\n%s\n%s", v, name, cmp.Diff(lines, d.Compiled.Lines), d.HCL, d.SQL)
	}
	if os.Getenv("SHOW") != "" {
		fmt.Println("=====", t.Name(), v, d.Reprinted, "\n"+d.HCL, "\n---\n"+d.SQL)
	}
	return d.Blueprint
}
