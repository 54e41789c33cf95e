package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ariga.io/atlas/schemahcl"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"tenantry/internal/diag"
)

// A Project is atlas.hcl: the services that a schema can be made of.
type Project struct {
	Path     string
	Services []*Service // in the order of the file

	forAtlas bool   // it was read for the Atlas binary
	text     []byte // of the file, where the native engine does not understand all of it
}

// A Service is an env of atlas.hcl.
type Service struct {
	Name       string
	URL        string   // the database to use where nothing else names one; may be empty
	Dev        string   // the URL of a dev database for the workbench; may be empty
	Sources    []string // paths of the .hcl and .sql files, absolute or relative as the project's own path is
	Paths      []string // what src names, files and folders, whether they are there or not
	Diff       DiffPolicy
	Lint       LintPolicy
	Pos        diag.Pos
	Migrations *Directory // how the schema comes about, where that is told by files; then Sources, if any, say what it must be
	// Needs is what the native engine does not understand of the env: then it
	// takes the Atlas binary. See ReadProject.
	Needs diag.List

	evaluated *hclsyntax.Block // the env, where only the binary can evaluate its src
}

// Service returns the service of that name.
func (p *Project) Service(name string) (*Service, bool) {
	for _, s := range p.Services {
		if s.Name == name {
			return s, true
		}
	}
	return nil, false
}

// Names returns the services' names in the order of the file.
func (p *Project) Names() []string {
	var names []string
	for _, s := range p.Services {
		names = append(names, s.Name)
	}
	return names
}

// Check checks that there is a service of that name; at is the place that asks
// for it. An error is a diag.List.
func (p *Project) Check(service string, at diag.Pos) error {
	if _, ok := p.Service(service); ok {
		return nil
	}
	return p.unknown(service, at)
}

func (p *Project) unknown(service string, at diag.Pos) (diags diag.List) {
	diags.Errorf(at, "unknown-service", "service %q is not an env of %s", service, p.Path)
	suggest(&diags, service, p.Names())
	return diags
}

// LoadProject reads atlas.hcl. An error is a diag.List with everything that is
// wrong with it. Sources are found, not read; that is NewBlueprint's part.
// The environment reaches the file by its function getenv.
func LoadProject(path string, getenv func(string) string) (*Project, error) {
	var diags diag.List
	src, err := os.ReadFile(path)
	if err != nil {
		diags.Errorf(diag.Pos{File: path}, "unreadable-file", "cannot read the Atlas project file: %s", reason(err))
		diags.Hintf("name it with --config, or see https://atlasgo.io/atlas-schema/projects for what belongs there")
		return nil, diags.Err()
	}
	parser := hclparse.NewParser()
	file, hclDiags := parser.ParseHCL(src, path)
	if hclDiags.HasErrors() {
		addHCL(&diags, hclDiags, diag.Pos{File: path})
		return nil, diags.Err()
	}
	blocks := checkProject(&diags, file.Body.(*hclsyntax.Body))
	if diags.HasErrors() {
		return nil, diags.Err()
	}
	var doc projectSpec
	if err := projectState(getenv).Eval(parser, &doc, nil); err != nil {
		addEvalError(&diags, err, diag.Pos{File: path})
		return nil, diags.Err()
	}
	p := &Project{Path: path}
	for _, env := range doc.Envs {
		p.Services = append(p.Services, env.service(&diags, filepath.Dir(path), blocks[env.Name], doc))
	}
	return p, diags.Err()
}

// projectSpec and envSpec are what schemahcl decodes the file into.
type projectSpec struct {
	Envs []*envSpec `spec:"env"`
	Diff *diffSpec  `spec:"diff"`
	Lint *lintSpec  `spec:"lint"`
}

type envSpec struct {
	Name      string         `spec:",name"`
	URL       string         `spec:"url"`
	Dev       string         `spec:"dev"`
	Diff      *diffSpec      `spec:"diff"`
	Lint      *lintSpec      `spec:"lint"`
	Migration *migrationSpec `spec:"migration"`
	schemahcl.DefaultExtension
}

func projectState(getenv func(string) string) *schemahcl.State {
	return schemahcl.New(append(migrationWords(), schemahcl.WithFunctions(map[string]function.Function{
		"getenv": function.New(&function.Spec{
			Params: []function.Parameter{{Name: "name", Type: cty.String}},
			Type:   function.StaticReturnType(cty.String),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				return cty.StringVal(getenv(args[0].AsString())), nil
			},
		}),
	}))...)
}

func (e *envSpec) service(diags *diag.List, dir string, block *hclsyntax.Block, doc projectSpec) *Service {
	s := &Service{Name: e.Name, URL: e.URL, Dev: e.Dev, Pos: posOf(block.DefRange())}
	for _, d := range []*diffSpec{doc.Diff, e.Diff} { // an env's own policy replaces the project's
		if d != nil {
			s.Diff = d.policy()
		}
	}
	for _, l := range []*lintSpec{doc.Lint, e.Lint} {
		if l != nil {
			s.Lint = l.policy()
		}
	}
	if strings.HasPrefix(s.Dev, "docker://") {
		diags.Errorf(posOf(block.Body.Attributes["dev"].Range()), "unsupported-dev", "env %q: a dev database in Docker is started by the Atlas CLI only", e.Name)
		diags.Hintf(`use the URL of a running PostgreSQL, or leave it empty: dev = getenv("ATLAS_DEV_URL")`)
	}
	e.readMigrations(diags, s, dir, block)
	src, ok := e.Attr("src")
	if !ok && s.Migrations != nil {
		return s
	}
	if !ok {
		diags.Errorf(s.Pos, "missing-src", "env %q has no src", e.Name)
		diags.Hintf(`say where its schema is: src = ["file://schema/%s"]`, e.Name)
		return s
	}
	pos := posOf(block.Body.Attributes["src"].Range())
	urls, err := src.Strings()
	if err != nil {
		one, err := src.String()
		if err != nil {
			diags.Errorf(pos, "invalid-src", "src must be a string or a list of strings")
			return s
		}
		urls = []string{one}
	}
	for _, url := range urls {
		if path, ok := sourcePath(dir, url); ok {
			s.Paths = append(s.Paths, path)
		}
		s.Sources = append(s.Sources, sourceFiles(diags, pos, dir, url)...)
	}
	return s
}

// sourcePath returns the path of a file:// URL, which is relative to dir.
func sourcePath(dir, url string) (path string, ok bool) {
	path, ok = strings.CutPrefix(url, "file://")
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return path, ok
}

// sourceFiles resolves one file:// URL to the files that it names: itself, or
// the .hcl and .sql files of a folder in the order of their names.
func sourceFiles(diags *diag.List, pos diag.Pos, dir, url string) []string {
	path, ok := sourcePath(dir, url)
	if !ok {
		diags.Errorf(pos, "unsupported-src", "src %q is not a file:// URL", url)
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		diags.Errorf(pos, "missing-file", "src %q: %s", url, reason(err))
		diags.Hintf("paths are relative to the folder of the project file")
		return nil
	}
	if !info.IsDir() {
		if ext := filepath.Ext(path); ext != ".hcl" && ext != ".sql" {
			diags.Errorf(pos, "unsupported-src", "src %q is neither an .hcl nor an .sql file", url)
			return nil
		}
		return []string{path}
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		diags.Errorf(pos, "unreadable-file", "src %q: %s", url, reason(err))
		return nil
	}
	var files []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".hcl" || ext == ".sql") {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	if len(files) == 0 {
		diags.Errorf(pos, "empty-src", "src %q holds no .hcl and no .sql file", url)
	}
	return files
}

// checkProject refuses what Tenantry does not understand, and returns the env
// blocks by name.
func checkProject(diags *diag.List, body *hclsyntax.Body) map[string]*hclsyntax.Block {
	envs := make(map[string]*hclsyntax.Block)
	allow(diags, "the project file", body, nil, []string{"variable", "locals", "env", "diff", "lint"})
	for _, b := range body.Blocks {
		switch b.Type {
		case "diff":
			checkDiff(diags, b)
		case "lint":
			checkLint(diags, b)
		case "env":
			checkEnv(diags, b, envs)
		}
	}
	return envs
}

func checkEnv(diags *diag.List, b *hclsyntax.Block, envs map[string]*hclsyntax.Block) {
	pos := posOf(b.DefRange())
	if len(b.Labels) != 1 {
		diags.Errorf(pos, "invalid-env", "an env has one label, its name")
		return
	}
	name := b.Labels[0]
	if twin, ok := envs[name]; ok {
		diags.Errorf(pos, "duplicate-env", "env %q is defined twice", name)
		diags.Hintf("also defined at %s", posOf(twin.DefRange()))
	}
	envs[name] = b
	allow(diags, "env "+name, b.Body, []string{"src", "url", "dev"}, []string{"diff", "lint", "migration"})
	for _, b := range b.Body.Blocks {
		switch b.Type {
		case "diff":
			checkDiff(diags, b)
		case "lint":
			checkLint(diags, b)
		case "migration":
			checkMigration(diags, name, b)
		}
	}
}

// allow reports every attribute and block of a body that is not listed.
func allow(diags *diag.List, where string, body *hclsyntax.Body, attrs, blocks []string) {
	for _, a := range body.Attributes {
		if !slices.Contains(attrs, a.Name) {
			diags.Errorf(posOf(a.Range()), "unsupported-attribute", "attribute %q of %s is not supported", a.Name, where)
			suggest(diags, a.Name, attrs)
		}
	}
	for _, b := range body.Blocks {
		if !slices.Contains(blocks, b.Type) {
			diags.Errorf(posOf(b.DefRange()), "unsupported-block", "block %q of %s is not supported", b.Type, where)
			suggest(diags, b.Type, blocks)
		}
	}
}

func suggest(diags *diag.List, word string, known []string) {
	if near := diag.Suggest(word, known); near != "" {
		diags.Hintf("%s", diag.DidYouMean(near))
	} else if len(known) > 0 {
		diags.Hintf("supported here: %s", strings.Join(known, ", "))
	}
}

func posOf(r hcl.Range) diag.Pos {
	return diag.Pos{File: r.Filename, Line: r.Start.Line, Column: r.Start.Column}
}

// addHCL adds HCL's own diagnostics; those without a place get the fallback.
func addHCL(diags *diag.List, found hcl.Diagnostics, fallback diag.Pos) {
	for _, d := range found {
		if d.Severity != hcl.DiagError {
			continue
		}
		pos := fallback
		if d.Subject != nil {
			pos = posOf(*d.Subject)
		}
		diags.Errorf(pos, "invalid-hcl", "%s", strings.TrimSuffix(strings.ReplaceAll(d.Summary+": "+d.Detail, "\n", " "), "."))
	}
}

// addEvalError adds what Atlas said of a file, with its position if it gave one.
func addEvalError(diags *diag.List, err error, fallback diag.Pos) {
	var found hcl.Diagnostics
	var one *hcl.Diagnostic
	switch {
	case errors.As(err, &found):
		addHCL(diags, found, fallback)
	case errors.As(err, &one):
		addHCL(diags, hcl.Diagnostics{one}, fallback)
	default:
		message := err.Error()
		for _, prefix := range []string{"specutil: ", "schemahcl: ", "postgres: "} {
			message = strings.TrimPrefix(message, prefix)
		}
		diags.Errorf(fallback, "invalid-hcl", "%s", message)
	}
}

// reason returns what is wrong with a file without repeating its path.
func reason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return fmt.Sprint(err)
}
