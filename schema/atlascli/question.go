package atlascli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tenantry/schema"
)

// envName is the env of our project file.
const envName = "tenantry"

// The environment variables by which URLs reach the binary.
const (
	fromVariable  = "TENANTRY_ATLAS_FROM"
	otherVariable = "TENANTRY_ATLAS_OTHER"
)

// A question is what the binary is asked: from what one database holds to HCL, or
// to what another holds.
type question struct {
	bench     *schema.Bench
	blueprint *schema.Blueprint
	hcl       *schema.Merged   // where it goes to HCL
	to        *schema.Compiled // else

	from  string // the URL of the database that it starts from
	other string // the URL of the one that it goes to, or, empty, for Atlas to normalize HCL in
}

// fill builds what a database is to hold: the shared schemas, and what it starts
// from or goes to. The one that Atlas normalizes HCL in stays empty.
func (q *question) fill(ctx context.Context, db schema.DevDatabase, from bool) (err error) {
	if !from && q.to == nil {
		return nil
	}
	wb, err := db.Workbench(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wb.Close()) }()
	bench, err := q.bench.Elsewhere(ctx, wb)
	if err != nil {
		return err
	}
	switch {
	case !from:
		err = bench.Make(ctx, q.to)
	case q.to != nil:
		err = bench.Copy(ctx, q.bench)
	default:
		_, err = bench.ExecContext(ctx, "CREATE SCHEMA "+schema.QuoteIdent(bench.Schema))
	}
	if err != nil {
		return err
	}
	return wb.Commit()
}

// prepare writes the files that the binary reads.
func (e *Engine) prepare(q *question) (call, error) {
	dir, err := e.folder.sub()
	if err != nil {
		return call{}, err
	}
	c := call{dir: dir, config: filepath.Join(dir, "atlas.hcl"), env: map[string]string{fromVariable: q.from, otherVariable: q.other}}
	project := q.project(filepath.Join(dir, "schema.hcl"))
	err = os.WriteFile(c.config, []byte(project), 0o600)
	if err == nil && q.hcl != nil {
		err = os.WriteFile(filepath.Join(dir, "schema.hcl"), q.hcl.Text, 0o600)
	}
	if err != nil {
		return call{}, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

// project is the project file: no secret is in it.
func (q *question) project(hclPath string) string {
	var out strings.Builder
	src := fmt.Sprintf("getenv(%q)", otherVariable)
	if q.hcl != nil {
		fmt.Fprintf(&out, "data \"hcl_schema\" %q {\n  path = %s\n  vars = {\n", envName, quote(hclPath))
		for _, name := range slices.Sorted(maps.Keys(q.hcl.Vars)) {
			fmt.Fprintf(&out, "    %s = %s\n", quote(name), quote(q.hcl.Vars[name]))
		}
		out.WriteString("  }\n}\n")
		src = "data.hcl_schema." + envName + ".url"
	}
	fmt.Fprintf(&out, "env %q {\n  url = getenv(%q)\n  src = %s\n", envName, fromVariable, src)
	if q.hcl != nil {
		fmt.Fprintf(&out, "  dev = getenv(%q)\n", otherVariable)
	} else {
		out.WriteString(diffBlock(q.blueprint.Diff)) // nothing is kept from a schema that is made from nothing
	}
	fmt.Fprintf(&out, "  schemas = [%s]\n}\n", q.schemas())
	return out.String()
}

// schemas lists those that Atlas is to look at: with HCL all that are in it, else
// only the one at issue.
func (q *question) schemas() string {
	names := []string{q.bench.Schema}
	if q.hcl != nil {
		names = slices.AppendSeq(names, maps.Values(q.bench.Shared))
	}
	slices.Sort(names)
	for i := range names {
		names[i] = quote(names[i])
	}
	return strings.Join(names, ", ")
}

// diffBlock is the blueprint's diff policy as Atlas reads it.
func diffBlock(p schema.DiffPolicy) string {
	var out strings.Builder
	out.WriteString("  diff {\n")
	if len(p.Skip) > 0 {
		out.WriteString("    skip {\n")
		for _, change := range p.Skip {
			fmt.Fprintf(&out, "      %s = true\n", change)
		}
		out.WriteString("    }\n")
	}
	if p.CreateIndexLive || p.DropIndexLive {
		fmt.Fprintf(&out, "    concurrent_index {\n      create = %t\n      drop   = %t\n    }\n", p.CreateIndexLive, p.DropIndexLive)
	}
	out.WriteString("  }\n")
	return out.String()
}

// quote writes a string as HCL reads it.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "${", "$${", "%{", "%%{").Replace(s) + `"`
}
