package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	atlasmigrate "ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"tenantry/internal/diag"
)

// A Blueprint is what one live schema should hold: the union of its services'
// sources, each file once, with the values of their input variables.
type Blueprint struct {
	Services []string
	Vars     map[string]string
	Shared   []*Blueprint // the shared services that its sources may refer to
	Schema   string       // the schema's name where it is a shared service's, else ""
	Diff     DiffPolicy
	Lint     LintPolicy
	Dev      string // the URL of a dev database for the workbench, or ""
	Digest   string // "sha256:…" of all that can change what it compiles to

	// Goal is what the sources say that the files must come to, or nil. Where
	// files say how a service comes about, its sources say what it must be.
	Goal *Blueprint

	sources     []source
	described   []source     // of services that files make
	directories []*Directory // of those services
	migrations  []*Migration // of all directories, each in its order
	runs        []FileRun    // what is run of them, where that is not what a new schema runs
	forAtlas    bool         // what its HCL says is the Atlas binary's business
	external    []*Service   // those whose src only the binary can evaluate
	evaluated   string       // what the binary makes of them
	project     *Project
	pos         diag.Pos // of the first service, for what Atlas reports without a place
}

type source struct {
	path string
	data []byte
}

// SharedBlueprint reads the sources of a shared service, to be evaluated with
// those in scope that the tenants file names before it. An error is a diag.List;
// at is the place that asks for the service.
func (p *Project) SharedBlueprint(service string, before []*Blueprint, at diag.Pos) (*Blueprint, error) {
	return p.blueprint([]string{service}, slices.Clone(before), nil, service, at)
}

// Blueprint reads the sources of services that are a tenant's, to be evaluated
// with vars and with the shared services in scope. An error is a diag.List; at
// is the place that asks for them.
func (p *Project) Blueprint(services []string, shared []*Blueprint, vars map[string]string, at diag.Pos) (*Blueprint, error) {
	return p.blueprint(services, shared, vars, "", at)
}

func (p *Project) blueprint(services []string, shared []*Blueprint, vars map[string]string, schema string, at diag.Pos) (*Blueprint, error) {
	var diags diag.List
	b := &Blueprint{Services: services, Vars: vars, Shared: shared, Schema: schema, pos: at, forAtlas: p.forAtlas, project: p}
	seen := make(map[string]bool)
	for _, s := range shared {
		for _, src := range slices.Concat(s.sources, s.described) {
			seen[src.path] = true
		}
	}
	for _, name := range services {
		s, ok := p.Service(name)
		if !ok {
			diags = append(diags, p.unknown(name, at)...)
			continue
		}
		b.add(&diags, s, seen)
	}
	if !diags.HasErrors() {
		b.checkVars(&diags, at)
		b.resolveMigrations(&diags)
		b.Digest = b.digest()
	}
	return b, diags.Err()
}

func (b *Blueprint) add(diags *diag.List, s *Service, seen map[string]bool) {
	if len(b.sources) == 0 {
		b.pos = s.Pos
	}
	b.Diff, b.Lint = b.Diff.merge(s.Diff), b.Lint.merge(s.Lint)
	if b.Dev == "" {
		b.Dev = s.Dev
	}
	if s.evaluated != nil {
		b.external = append(b.external, s)
	}
	for _, path := range s.Sources {
		if seen[path] {
			continue
		}
		seen[path] = true
		data, err := os.ReadFile(path)
		if err != nil {
			diags.Errorf(diag.Pos{File: path}, "unreadable-file", "cannot read a source of service %q: %s", s.Name, reason(err))
			continue
		}
		if s.Migrations != nil {
			b.described = append(b.described, source{path: path, data: data})
		} else {
			b.sources = append(b.sources, source{path: path, data: data})
		}
	}
	if s.Migrations != nil {
		b.directories = append(b.directories, s.Migrations)
	}
}

// resolveMigrations reads the migrations for the blueprint's variables.
func (b *Blueprint) resolveMigrations(diags *diag.List) {
	history := false
	for _, d := range b.directories {
		if d.History == HistoryFlyway && history {
			diags.Errorf(d.Pos, "one-history", "two services of one schema cannot share Flyway's table")
		}
		history = history || d.History == HistoryFlyway
		b.migrations = append(b.migrations, d.migrations(diags, b.Vars)...)
	}
	if len(b.described) > 0 && len(b.directories) > 0 {
		goal := *b
		goal.sources, goal.described, goal.directories, goal.migrations = slices.Concat(b.sources, b.described), nil, nil, nil
		goal.Digest = goal.digest()
		b.Goal = &goal
	}
}

// checkVars refuses a value for a variable that no source declares: it is a
// misspelling, and would be ignored.
func (b *Blueprint) checkVars(diags *diag.List, at diag.Pos) {
	if len(b.Vars) == 0 || len(b.external) > 0 {
		return
	}
	var declared []string
	for _, d := range b.directories {
		declared = append(declared, d.placeholdersOf()...)
	}
	for _, src := range slices.Concat(b.sources, b.described) {
		file, _ := hclsyntax.ParseConfig(src.data, src.path, hcl.InitialPos)
		if body, ok := file.Body.(*hclsyntax.Body); ok && isHCL(src.path) {
			for _, block := range body.Blocks {
				if block.Type == "variable" && len(block.Labels) == 1 {
					declared = append(declared, block.Labels[0])
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.Vars)) {
		if !slices.Contains(declared, name) {
			diags.Errorf(at, "unknown-variable", "no source of %s declares the variable %q", strings.Join(b.Services, ", "), name)
			suggest(diags, name, declared)
		}
	}
}

// digest covers the sources' content, not their paths: a checkout that moves
// compiles nothing anew.
func (b *Blueprint) digest() string {
	h := sha256.New()
	field := func(text string) { fmt.Fprintf(h, "%d:%s\n", len(text), text) }
	field("blueprint 1 " + b.Schema)
	for _, name := range slices.Sorted(maps.Keys(b.Vars)) {
		field(name)
		field(b.Vars[name])
	}
	b.hashSources(h)
	if len(b.external) > 0 {
		field(b.evaluated)
	}
	b.hashMigrations(field)
	fmt.Fprintf(h, "%+v\n", b.Diff)
	for _, s := range b.Shared {
		field(s.Digest)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

func (b *Blueprint) hashSources(h io.Writer) {
	for _, s := range b.sources {
		fmt.Fprintf(h, "%s %d:", filepath.Ext(s.path), len(s.data))
		h.Write(s.data)
	}
}

func (b *Blueprint) hashMigrations(field func(string)) {
	for _, d := range b.directories {
		field(fmt.Sprintf("migrations %q %s %s %s %q", d.Service, d.Format, d.History, d.Order, d.Baseline))
	}
	for _, m := range b.migrations {
		field(fmt.Sprintf("migration %q %q %v", m.Service, m.Script, m.Transactional))
		field(m.text)
	}
	if b.Goal != nil {
		field(b.Goal.Digest)
	}
}

// Files returns the paths of every file that the blueprint was read from, those
// of its shared services included.
func (b *Blueprint) Files() []string {
	var out []string
	for _, s := range b.Shared {
		out = append(out, s.Files()...)
	}
	for _, s := range slices.Concat(b.sources, b.described) {
		out = append(out, s.path)
	}
	for _, d := range b.directories {
		out = append(out, d.paths()...)
	}
	return out
}

// Check checks the sources without a database. An error is a diag.List.
//
// For the Atlas binary only the SQL sources are: the rest is for the binary to say.
func (b *Blueprint) Check() error {
	if b.forAtlas {
		_, err := b.sqlStatements()
		return err
	}
	return b.CheckNative()
}

// CheckNative checks the sources as the native engine understands them. An error
// is a diag.List.
func (b *Blueprint) CheckNative() error {
	name := b.Schema
	if name == "" {
		name = "tenant"
	}
	var diags diag.List
	_, hcl := b.evaluate(name, nil)
	_, sql := b.sqlStatements()
	wrong := []error{hcl, sql}
	if b.Goal != nil {
		wrong = append(wrong, b.Goal.Check())
	}
	for _, err := range wrong {
		var list diag.List
		if errors.As(err, &list) {
			diags = append(diags, list...)
		}
	}
	return diags.Err()
}

// evaluate returns the blueprint's own schema, named as told, as its HCL says
// it, with references into the shared services' schemas under the names given
// for them. SQL sources have no part in it.
func (b *Blueprint) evaluate(name string, shared map[string]string) (*atlas.Schema, error) {
	var diags diag.List
	vars := map[string]cty.Value{"schema": cty.StringVal(name)}
	for k, v := range b.Vars {
		vars[k] = cty.StringVal(v)
	}
	sources := append(b.sharedSources(), b.sources...)
	checkSources(&diags, sources, vars)
	parser, found := mergedParser(sources)
	if !diags.HasErrors() { // else checkSources has reported it
		addHCL(&diags, found, b.pos)
	}
	if diags.HasErrors() {
		return nil, diags.Err()
	}
	realm := &atlas.Realm{}
	if len(parser.Files()) > 0 {
		if err := postgres.EvalHCL.Eval(parser, realm, vars); err != nil {
			addEvalError(&diags, err, b.pos)
			return nil, diags.Err()
		}
	}
	return b.own(realm, name, shared, &diags), diags.Err()
}

// own finds the schema of a realm that is the blueprint's and names it, and
// puts the shared services' schemas under their scratch names.
func (b *Blueprint) own(realm *atlas.Realm, name string, shared map[string]string, diags *diag.List) *atlas.Schema {
	var own []*atlas.Schema
	for _, s := range realm.Schemas {
		if isShared := slices.ContainsFunc(b.Shared, func(o *Blueprint) bool { return o.Schema == s.Name }); isShared {
			if scratch, ok := shared[s.Name]; ok {
				s.Name = scratch
			}
			continue
		}
		own = append(own, s)
	}
	switch {
	case len(own) == 0 && !slices.ContainsFunc(b.sources, func(s source) bool { return isHCL(s.path) }):
		return atlas.New(name)
	case len(own) != 1:
		diags.Errorf(b.pos, "one-schema", "the sources of %s declare %s, and a target is one schema", strings.Join(b.Services, ", "), schemaNames(own))
		diags.Hintf("a service that exists once per database belongs to shared: in the tenants file; a tenant's schema is named by the input variable: schema \"tenant\" { name = var.schema }")
		return nil
	case b.Schema != "" && own[0].Name != b.Schema && own[0].Name != name:
		diags.Errorf(b.pos, "shared-name", "the shared service %q declares the schema %q", b.Schema, own[0].Name)
		diags.Hintf("a shared service's schema has its service's name")
		return nil
	}
	own[0].Name = name
	return own[0]
}

func schemaNames(schemas []*atlas.Schema) string {
	if len(schemas) == 0 {
		return "no schema"
	}
	var names []string
	for _, s := range schemas {
		names = append(names, fmt.Sprintf("%q", s.Name))
	}
	return "the schemas " + strings.Join(names, ", ")
}

func (b *Blueprint) sharedSources() []source {
	var out []source
	for _, s := range b.Shared {
		out = append(out, s.sources...)
		out = append(out, s.described...)
	}
	return out
}

// sqlStatements splits the SQL sources into statements, in the order of the
// sources. They run with search_path naming the blueprint's schema.
func (b *Blueprint) sqlStatements() ([]string, error) {
	var diags diag.List
	var out []string
	for _, s := range b.sources {
		if isHCL(s.path) {
			continue
		}
		statements, err := scan(string(s.data))
		if err != nil {
			reportUnclosed(&diags, err, s.path, "")
			continue
		}
		for _, stmt := range statements {
			b.checkSQL(&diags, s, stmt)
			out = append(out, sourceStatement(stmt))
		}
	}
	return out, diags.Err()
}

// sourceStatement returns a statement of a source as it is run.
func sourceStatement(stmt *atlasmigrate.Stmt) string {
	return strings.TrimSuffix(strings.TrimSpace(stmt.Text), ";")
}

// checkSQL refuses statements that reach beyond the schema or the transaction.
func (b *Blueprint) checkSQL(diags *diag.List, s source, stmt *atlasmigrate.Stmt) {
	words := strings.Fields(strings.ToUpper(stmt.Text))
	for _, refused := range []string{"BEGIN", "COMMIT", "ROLLBACK", "START TRANSACTION", "SET", "RESET", "CREATE SCHEMA", "DROP SCHEMA", "CREATE DATABASE", "VACUUM"} {
		want := strings.Fields(refused)
		if len(words) >= len(want) && slices.Equal(words[:len(want)], want) {
			diags.Errorf(s.posAt(stmt.Pos), "unsupported-statement", "%s does not belong in a schema's source", refused)
			diags.Hintf("names are looked up in the target's own schema; leave them unqualified")
		}
	}
}

func isHCL(path string) bool { return filepath.Ext(path) == ".hcl" }
