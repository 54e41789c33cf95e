package atlascli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ariga.io/atlas-go-sdk/atlasexec"

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
	external  *schema.External // where it goes to what the user's project file says
	to        *schema.Compiled // else

	from  string // the URL of the database that it starts from
	other string // the URL of the one that it goes to, or, empty, for Atlas to normalize HCL in
}

// oneSchema reports whether the binary is to see nothing but one schema, whatever
// that is called. Sources that it evaluates itself may name none; but those that
// refer to shared schemas have to.
func (q *question) oneSchema() bool { return q.external != nil && len(q.bench.Shared) == 0 }

// own is the name of the schema at issue: a shared service's own, where the binary
// reads that from sources that are not ours to change.
func (q *question) own() string {
	if q.external != nil && q.blueprint.Schema != "" {
		return q.blueprint.Schema
	}
	return q.bench.Schema
}

// fill builds what a database is to hold: the shared schemas, and what it starts
// from or goes to. The one that Atlas normalizes HCL in stays empty.
func (q *question) fill(ctx context.Context, db schema.DevDatabase, from bool) (err error) {
	if !from && q.to == nil && !q.oneSchema() {
		return nil
	}
	wb, err := db.Workbench(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, wb.Close()) }()
	laidOut := q.bench
	if q.external != nil {
		laidOut = q.bench.AsWritten()
	}
	bench, err := laidOut.Elsewhere(ctx, wb)
	if err != nil {
		return err
	}
	switch {
	case !from && q.to != nil:
		err = bench.Make(ctx, q.to)
	case q.to != nil:
		err = bench.Copy(ctx, q.bench)
	default:
		_, err = bench.ExecContext(ctx, "CREATE SCHEMA "+schema.QuoteIdent(q.own()))
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
	if q.oneSchema() {
		q.from, q.other = inSchema(q.from, q.own()), inSchema(q.other, q.own())
	}
	c := call{dir: dir, config: filepath.Join(dir, "atlas.hcl"), env: map[string]string{fromVariable: q.from, otherVariable: q.other}}
	project := q.project(filepath.Join(dir, "schema.hcl"))
	if q.external != nil {
		if c.workDir, err = filepath.Abs(q.external.Dir); err != nil {
			return call{}, err
		}
		c.vars = q.inputs()
	}
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
	if q.external != nil {
		fmt.Fprintf(&out, "%s\n", q.external.Project)
		src = q.external.Src
	}
	fmt.Fprintf(&out, "env %q {\n  url = getenv(%q)\n  src = %s\n", envName, fromVariable, src)
	if q.to == nil {
		fmt.Fprintf(&out, "  dev = getenv(%q)\n", otherVariable)
	} else {
		out.WriteString(diffBlock(q.blueprint.Diff)) // nothing is kept from a schema that is made from nothing
	}
	if q.external != nil {
		out.WriteString(q.external.Attrs)
	}
	if !q.oneSchema() {
		fmt.Fprintf(&out, "  schemas = [%s]\n", q.schemas())
		if q.external != nil {
			fmt.Fprintf(&out, "  schema = %s\n", quote(q.bench.Schema))
		}
	}
	out.WriteString("}\n")
	return out.String()
}

// schemas lists those that Atlas is to look at: with HCL all that are in it, else
// only the one at issue.
func (q *question) schemas() string {
	names := []string{q.own()}
	switch {
	case q.hcl != nil:
		names = slices.AppendSeq(names, maps.Values(q.bench.Shared))
	case q.external != nil:
		names = slices.AppendSeq(names, maps.Keys(q.bench.Shared))
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

// inputs are the values of the input variables that the user's project file
// declares. They are no secrets: they are part of what a schema is.
func (q *question) inputs() atlasexec.Vars2 {
	values := map[string]string{"schema": q.bench.Schema}
	maps.Copy(values, q.blueprint.Vars)
	out := atlasexec.Vars2{}
	for _, name := range q.external.Inputs {
		if v, ok := values[name]; ok {
			out[name] = v
		}
	}
	return out
}

// inSchema binds a URL to a schema, as Atlas understands it.
func inSchema(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address // it is one of ours
	}
	query := u.Query()
	query.Set("search_path", name)
	u.RawQuery = query.Encode()
	return u.String()
}
