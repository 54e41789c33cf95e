package schema

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"tenantry/internal/diag"
)

// ReadProject reads atlas.hcl for the Atlas binary, whose business is what the
// native engine refuses: it is no error, but each service says by its Needs what
// that is. An error, a diag.List, is what makes it no project file at all.
func ReadProject(path string, getenv func(string) string) (*Project, error) {
	if p, err := LoadProject(path, getenv); err == nil {
		p.forAtlas = true
		return p, nil
	}
	var diags diag.List
	src, err := os.ReadFile(path)
	if err != nil {
		diags.Errorf(diag.Pos{File: path}, "unreadable-file", "cannot read the Atlas project file: %s", reason(err))
		return nil, diags.Err()
	}
	body, found := bodyOf(src, path)
	if found.HasErrors() {
		addHCL(&diags, found, diag.Pos{File: path})
		return nil, diags.Err()
	}
	p := &Project{Path: path, forAtlas: true, text: src}
	seen := make(map[string]*hclsyntax.Block)
	for _, b := range body.Blocks {
		if b.Type != "env" {
			continue
		}
		if len(b.Labels) != 1 || seen[b.Labels[0]] != nil {
			checkEnv(&diags, b, seen)
			continue
		}
		seen[b.Labels[0]] = b
		p.Services = append(p.Services, p.serviceForAtlas(b, getenv))
	}
	return p, diags.Err()
}

func bodyOf(src []byte, path string) (*hclsyntax.Body, hcl.Diagnostics) {
	file, found := hclsyntax.ParseConfig(src, path, hcl.InitialPos)
	return file.Body.(*hclsyntax.Body), found
}

// serviceForAtlas reads one env: with what the native engine knows of it, if its
// src can be known without the rest.
func (p *Project) serviceForAtlas(block *hclsyntax.Block, getenv func(string) string) *Service {
	name := block.Labels[0]
	s := &Service{Name: name, Pos: posOf(block.DefRange())}
	var needs diag.List
	checkEnv(&needs, block, make(map[string]*hclsyntax.Block))
	if known, err := p.evaluateEnv(name, getenv); err == nil {
		*s = *known
	} else {
		if list, ok := err.(diag.List); ok {
			needs = append(needs, list...)
		}
		s.evaluated = block
	}
	s.Needs = needs
	return s
}

// evaluateEnv evaluates an env with nothing else in the file but variables, locals
// and policies, and of those only what does not refer to anything else.
func (p *Project) evaluateEnv(name string, getenv func(string) string) (*Service, error) {
	body, _ := bodyOf(p.text, p.Path) // an evaluation takes the blocks apart
	var env *hclsyntax.Block
	kept := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, SrcRange: body.SrcRange, EndRange: body.EndRange}
	lost := make(map[string]bool)
	for _, b := range body.Blocks {
		switch {
		case b.Type == "env" && b.Labels[0] == name:
			env = b
			env.Body.Blocks = slices.DeleteFunc(env.Body.Blocks, func(b *hclsyntax.Block) bool { return !isPolicy(b) })
			for _, a := range env.Body.Attributes {
				if a.Name != "src" && a.Name != "url" && a.Name != "dev" {
					delete(env.Body.Attributes, a.Name)
				}
			}
			kept.Blocks = append(kept.Blocks, env)
		case b.Type == "locals":
			dropForeign(b.Body, lost)
			kept.Blocks = append(kept.Blocks, b)
		case b.Type == "variable", isPolicy(b):
			kept.Blocks = append(kept.Blocks, b)
		}
	}
	parser := hclparse.NewParser()
	parser.AddFile(p.Path, &hcl.File{Body: kept, Bytes: p.text})
	var diags diag.List
	var doc projectSpec
	if err := projectState(getenv).Eval(parser, &doc, nil); err != nil {
		addEvalError(&diags, err, posOf(env.DefRange()))
		return nil, diags.Err()
	}
	if len(doc.Envs) != 1 {
		diags.Errorf(posOf(env.DefRange()), "unsupported-src", "env %q is not one env", name)
		return nil, diags.Err()
	}
	if strings.HasPrefix(doc.Envs[0].Dev, "docker://") {
		doc.Envs[0].Dev = "" // a server of our own does
	}
	s := doc.Envs[0].service(&diags, filepath.Dir(p.Path), env, doc)
	return s, diags.Err()
}

// isPolicy reports whether a block is a policy that the native engine knows.
func isPolicy(b *hclsyntax.Block) bool {
	var diags diag.List
	switch b.Type {
	case "diff":
		checkDiff(&diags, b)
	case "lint":
		checkLint(&diags, b)
	default:
		return false
	}
	return !diags.HasErrors()
}

// dropForeign takes out of locals what refers to more than variables and locals.
func dropForeign(body *hclsyntax.Body, lost map[string]bool) {
	for range body.Attributes {
		for _, a := range body.Attributes {
			for _, t := range a.Expr.Variables() {
				root := t.RootName()
				if root != "var" && root != "local" || root == "local" && len(t) > 1 && lost[lastStep(t[:2])] {
					lost[a.Name] = true
					delete(body.Attributes, a.Name)
				}
			}
		}
	}
}
