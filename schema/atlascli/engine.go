package atlascli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"ariga.io/atlas-go-sdk/atlasexec"

	"tenantry/schema"
)

// Oldest is the oldest version of Atlas that works, as "0.13.1". It knows getenv
// and data sources in the project file, and --format with schema apply.
const Oldest = "0.13.1"

// Options say which binary, and where it may make databases.
type Options struct {
	// Path is the binary, or a name to look up in $PATH. Empty means "atlas".
	Path string
	// Dev returns the dev server that a URL names, or where that is empty one of
	// that major version, started for the purpose. It is called often and from
	// several goroutines, and whoever gave it closes what it returns.
	Dev func(ctx context.Context, url string, major int) (schema.DevServer, error)
	// Parallel is how many binaries may run at once; 0 means 4.
	Parallel int
}

// An Engine is one Atlas binary. It is safe for concurrent use.
type Engine struct {
	options Options
	version string
	folder  *folder
	slots   chan struct{}
}

var _ schema.Engine = (*Engine)(nil)

// Open asks the binary for its version and refuses one that is too old. The
// engine is closed after use.
func Open(ctx context.Context, o Options) (*Engine, error) {
	if o.Path == "" {
		o.Path = "atlas"
	}
	if o.Parallel == 0 {
		o.Parallel = 4
	}
	f, err := makeFolder()
	if err != nil {
		return nil, fmt.Errorf("the Atlas binary: %w", err)
	}
	e := &Engine{options: o, folder: f, slots: make(chan struct{}, o.Parallel)}
	if e.version, err = e.ask(ctx); err != nil {
		return nil, errors.Join(err, f.remove())
	}
	return e, nil
}

// Close removes what the engine has put on the disk.
func (e *Engine) Close() error { return e.folder.remove() }

// Version implements schema.Engine.
func (e *Engine) Version() string { return "cli " + e.version }

// ask returns the binary's version, as "atlas v0.13.1".
func (e *Engine) ask(ctx context.Context) (string, error) {
	var version *atlasexec.Version
	err := e.call(ctx, call{}, func(c *atlasexec.Client) (err error) {
		version, err = c.Version(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	name := "atlas v" + version.Version
	if version.SHA != "" && version.SHA != "canary" {
		name += "-" + version.SHA
	}
	if version.Canary {
		name += "-canary"
	}
	if older(version.Version, Oldest) {
		return "", fmt.Errorf("%s is %s, and the oldest that works is v%s", e.options.Path, name, Oldest)
	}
	return name, nil
}

// older compares two versions of three numbers.
func older(a, b string) bool {
	return slices.Compare(numbers(a), numbers(b)) < 0
}

func numbers(version string) (out []int) {
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part) // the SDK has seen to that
		out = append(out, n)
	}
	return out
}

// Create implements schema.Engine: from an empty schema to the HCL. That the
// schema is there already is because Atlas 0.13 forgets the enums of one that it
// creates.
func (e *Engine) Create(ctx context.Context, bench *schema.Bench, b *schema.Blueprint) ([]schema.Statement, error) {
	create := schema.StatementOf("CREATE SCHEMA " + schema.QuoteIdent(bench.Schema))
	create.Comment = "create the schema"
	q := &question{bench: bench, blueprint: b, external: b.External()}
	if q.external == nil {
		q.hcl = b.Merged(bench)
	}
	var planned []schema.Statement
	var err error
	if q.external != nil || q.hcl != nil {
		planned, err = e.plan(ctx, bench, b, q)
	}
	return append([]schema.Statement{create}, planned...), err
}

// Aim implements schema.Engine. The binary looks at databases of its own.
func (e *Engine) Aim(context.Context, *schema.Bench, *schema.Compiled) error { return nil }

// Plan implements schema.Engine: from a copy of what the bench holds to what the
// blueprint compiles to, both as databases, so that Atlas compares what it reads
// itself.
func (e *Engine) Plan(ctx context.Context, bench *schema.Bench, b *schema.Blueprint, to *schema.Compiled) ([]schema.Statement, error) {
	return e.plan(ctx, bench, b, &question{bench: bench, blueprint: b, to: to})
}

// plan asks one question, in two databases that are there for it alone.
func (e *Engine) plan(ctx context.Context, bench *schema.Bench, b *schema.Blueprint, q *question) (_ []schema.Statement, err error) {
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	server, extensions, err := e.server(ctx, bench, b)
	if err != nil {
		return nil, err
	}
	for _, url := range []*string{&q.from, &q.other} {
		db, err := server.Database(ctx, extensions)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, db.Drop(ctx)) }()
		*url = db.URL()
		if err := q.fill(ctx, db, url == &q.from); err != nil {
			return nil, err
		}
	}
	return e.answer(ctx, q)
}

// server returns the dev server for a bench, and the extensions that the bench's
// database has.
func (e *Engine) server(ctx context.Context, bench *schema.Bench, b *schema.Blueprint) (schema.DevServer, []string, error) {
	major, err := bench.Major(ctx)
	if err != nil {
		return nil, nil, err
	}
	extensions, err := bench.Extensions(ctx)
	if err != nil {
		return nil, nil, err
	}
	server, err := e.options.Dev(ctx, b.Dev, major)
	if err == nil && server.Major() != major {
		err = fmt.Errorf("dev database: it is PostgreSQL %d, and what is planned for is %d: they must be the same", server.Major(), major)
	}
	return server, extensions, err
}

// answer runs the binary and returns the statements that are about the schema
// being worked on.
func (e *Engine) answer(ctx context.Context, q *question) ([]schema.Statement, error) {
	c, err := e.prepare(q)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(c.dir)
	var planned []string
	err = e.call(ctx, c, func(client *atlasexec.Client) error {
		result, err := client.SchemaApply(ctx, &atlasexec.SchemaApplyParams{ConfigURL: "file://" + c.config, Env: envName, Vars: c.vars, DryRun: true})
		if err != nil {
			return err
		}
		planned, err = statementsOf(result)
		return err
	})
	if err != nil {
		return nil, q.told(err)
	}
	var out []schema.Statement
	for _, sql := range planned {
		if q.external != nil {
			sql = q.bench.SharedOnBench(sql, q.own())
		}
		if q.oneSchema() || strings.Contains(sql, q.bench.Schema) { // else it is about a schema that is not at issue
			out = append(out, schema.StatementOf(sql))
		}
	}
	return out, nil
}

// statementsOf returns what the binary plans. One that ends well and yet tells of
// an error has failed.
func statementsOf(r *atlasexec.SchemaApply) ([]string, error) {
	switch {
	case r.Error != "":
		return nil, errors.New(r.Error)
	case r.Changes.Error != nil:
		return nil, fmt.Errorf("%s: %s", r.Changes.Error.Stmt, r.Changes.Error.Text)
	case r.Plan != nil && r.Plan.Error != "":
		return nil, errors.New(r.Plan.Error)
	case len(r.Changes.Pending) > 0 || r.Plan == nil || r.Plan.File == nil:
		return r.Changes.Pending, nil
	}
	var out []string
	for _, s := range r.Plan.File.Stmts {
		out = append(out, strings.TrimSuffix(strings.TrimSpace(s.Text), ";"))
	}
	return out, nil
}
