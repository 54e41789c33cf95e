package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// writeWorld writes the files of a fleet: a shared service with one table, and a
// service of so many tables, each with keys, an index, a check and a reference
// to the shared table.
func (b *bench) writeWorld(dir string, tenants int, extraColumn bool) error {
	files := map[string]string{
		"tenants.yaml": fmt.Sprintf("shared: [identity]\ndefaults: {services: [app]}\npolicy: {parallelism: %d}\ntenants:\n%s", b.connections, listed(tenants)),
		"atlas.hcl":    "env \"identity\" {\n  src = [\"file://identity.hcl\"]\n}\nenv \"app\" {\n  src = [\"file://app.hcl\"]\n}\n",
		"identity.hcl": identityHCL,
		"app.hcl":      appHCL(b.tables, extraColumn),
	}
	return writeFiles(dir, files)
}

// listed is so many tenants as tenants.yaml lists them.
func listed(tenants int) string {
	var ids strings.Builder
	for i := range tenants {
		fmt.Fprintf(&ids, "  - t%05d\n", i)
	}
	return ids.String()
}

// writeFiles writes files into a folder, with the folders that they are in.
func writeFiles(dir string, files map[string]string) error {
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

const identityHCL = `schema "identity" {
}
table "users" {
  schema = schema.identity
  column "id" {
    type = bigint
    identity {
      generated = ALWAYS
    }
  }
  column "email" { type = text }
  primary_key { columns = [column.id] }
}
`

func appHCL(tables int, extraColumn bool) string {
	var out strings.Builder
	out.WriteString("variable \"schema\" {\n  type    = string\n  default = \"tenant\"\n}\nschema \"tenant\" {\n  name = var.schema\n}\n" +
		"enum \"status\" {\n  schema = schema.tenant\n  values = [\"draft\", \"live\", \"gone\"]\n}\n")
	extra := ""
	for i := range tables {
		if extraColumn && i == 0 {
			extra = "  column \"note\" {\n    type = text\n    null = true\n  }\n"
		}
		fmt.Fprintf(&out, tableHCL, i, extra, i, i, i, i, i, i)
		extra = ""
	}
	return out.String()
}

const tableHCL = `table "things%d" {
  schema = schema.tenant
  column "id" {
    type = bigint
    identity {
      generated = ALWAYS
    }
  }
  column "author_id" { type = bigint }
  column "title" { type = text }
  column "status" {
    type    = enum.status
    default = "draft"
  }
  column "created_at" {
    type    = timestamptz
    default = sql("now()")
  }
%s  primary_key { columns = [column.id] }
  index "things%d_author_id_idx" { columns = [column.author_id] }
  unique "things%d_title_key" { columns = [column.title] }
  check "things%d_title_check" { expr = "(title <> ''::text)" }
  foreign_key "things%d_author_id_fkey" {
    columns     = [column.author_id]
    ref_columns = [table.users.column.id]
  }
  comment = "Things %d, and %d."
}
`

// database makes a fresh database and returns its URL and how to drop it.
func (b *bench) database(ctx context.Context, name string) (string, func(), error) {
	conn, err := pgx.Connect(ctx, b.server)
	if err != nil {
		return "", nil, err
	}
	defer conn.Close(ctx)
	name = "fleetbench_" + name
	for _, sql := range []string{"DROP DATABASE IF EXISTS " + name + " WITH (FORCE)", "CREATE DATABASE " + name + " TEMPLATE template0"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return "", nil, err
		}
	}
	u, err := url.Parse(b.server)
	if err != nil {
		return "", nil, err
	}
	u.Path = "/" + name
	drop := func() {
		ctx := context.WithoutCancel(ctx)
		if conn, err := pgx.Connect(ctx, b.server); err == nil {
			conn.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
			conn.Close(ctx)
		}
	}
	return u.String(), drop, nil
}
