package atlascli_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tenantry/internal/diag"
	"tenantry/internal/pgtest"
	"tenantry/internal/postgres"
	"tenantry/schema"
	"tenantry/schema/atlascli"
)

func TestMain(m *testing.M) {
	atlascli.Become()
	pgtest.Main(m)
}

// fake writes a program that is taken for the Atlas binary: it says that it is of
// a version that works, and for all else runs the lines of shell.
func fake(t *testing.T, shell string) string {
	t.Helper()
	return script(t, "if [ \"$1\" = version ]; then echo 'atlas version v1.2.3-abc'; exit; fi\n"+shell)
}

func script(t *testing.T, shell string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "atlas")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+shell+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// asked is an engine, what it is asked about, and where.
type asked struct {
	t       *testing.T
	url     string // of the dev server
	engine  *atlascli.Engine
	planner *schema.Planner
}

func ask(t *testing.T, binary string) *asked {
	t.Helper()
	return askAt(t, binary, pgtest.URL(t))
}

// askAt is ask in the database at a URL.
func askAt(t *testing.T, binary, url string) *asked {
	t.Helper()
	ctx := context.Background()
	a := &asked{t: t, url: url}
	db, err := postgres.Open(ctx, "main", a.url, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	dev, err := postgres.OpenDev(ctx, a.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	a.engine, err = atlascli.Open(ctx, atlascli.Options{
		Path: binary,
		Dev:  func(context.Context, string, int) (schema.DevServer, error) { return dev, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.engine.Close() })
	a.planner = &schema.Planner{Engine: a.engine, Workbench: db.Workbench, Nonce: nonce}
	return a
}

func nonce() string {
	b := make([]byte, 6)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// blueprint reads a definition of HCL.
func blueprint(t *testing.T, hcl string) *schema.Blueprint {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"atlas.hcl": "env \"app\" {\n  src = [\"file://app.hcl\"]\n}\n", "app.hcl": hcl} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	project, err := schema.LoadProject(filepath.Join(dir, "atlas.hcl"), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	b, err := project.Blueprint([]string{"app"}, nil, nil, diag.Pos{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const oneTable = `
variable "schema" {
  type    = string
  default = "tenant"
}
schema "tenant" {
  name = var.schema
}
table "users" {
  schema = schema.tenant
  column "id" {
    type = bigint
  }
}
`

// password is the one in the dev server's URL.
func (a *asked) password() string {
	_, rest, _ := strings.Cut(a.url, "://")
	_, rest, _ = strings.Cut(rest, ":")
	password, _, _ := strings.Cut(rest, "@")
	return password
}
