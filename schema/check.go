package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"tenantry/internal/diag"
)

// checkSources reports everything in the HCL sources that Atlas would ignore,
// misread, or refuse without saying where; vars are the values of the input
// variables.
//
// Atlas drops what it does not know without a word, and a schema that silently
// lacks a constraint is worse than one that is refused. So the language is an
// allow-list, grammar, and what it lacks is an error.
func checkSources(diags *diag.List, sources []source, vars map[string]cty.Value) {
	c := &checker{diags: diags, vars: vars}
	whole := true
	for _, s := range sources {
		if !isHCL(s.path) {
			continue
		}
		file, found := hclsyntax.ParseConfig(s.data, s.path, hcl.InitialPos)
		if found.HasErrors() { // half a file would be reported as what it is not
			addHCL(diags, found, diag.Pos{File: s.path})
			whole = false
			continue
		}
		body := file.Body.(*hclsyntax.Body)
		c.blocks = append(c.blocks, body.Blocks...)
		c.files = append(c.files, body)
	}
	c.scope = scopeOf(c.blocks, vars)
	for _, body := range c.files {
		c.body(nil, grammar, body)
	}
	if whole { // what is between files makes sense only when all are there
		c.between()
	}
}

// A checker walks the sources of one evaluation.
type checker struct {
	diags  *diag.List
	vars   map[string]cty.Value
	files  []*hclsyntax.Body
	blocks hclsyntax.Blocks // of all files, in the order of the sources
	scope  *hcl.EvalContext // locals and variables, as far as they are known
}

func (c *checker) errorf(r hcl.Range, code, format string, args ...any) {
	c.diags.Errorf(posOf(r), code, format, args...)
}

// body checks the attributes and blocks of a block, or of a file where that is
// nil, against a rule.
func (c *checker) body(of *hclsyntax.Block, r *rule, body *hclsyntax.Body) {
	typ, name := "", "a schema source"
	if of != nil {
		typ, name = of.Type, describe(of)
	}
	for _, a := range body.Attributes {
		check, ok := r.attrs[a.Name]
		switch {
		case ok:
			check(c, a)
		case !r.open:
			c.refuse(a.Range(), "attribute", typ, a.Name, name, slices.Sorted(maps.Keys(r.attrs)))
		}
	}
	seen := make(map[string]*hclsyntax.Block)
	for _, b := range body.Blocks {
		child, ok := r.blocks[b.Type]
		if !ok {
			c.refuse(b.DefRange(), "block", typ, b.Type, name, slices.Sorted(maps.Keys(r.blocks)))
			continue
		}
		c.block(child, b)
		if twin := seen[b.Type]; twin == nil {
			seen[b.Type] = b
		} else if child.once {
			c.errorf(b.DefRange(), "repeated-block", "%s has more than one %s block, and all but the first would be ignored", name, b.Type)
			c.diags.Hintf("the first is at %s", posOf(twin.DefRange()))
		}
		if typ == "table" && child.labels > 0 {
			c.unique(seen, b, b.Type)
		}
	}
	if typ == "table" {
		c.unnamed(of, r)
	}
}

// block checks one block: its labels, what it must have, and what is in it.
func (c *checker) block(r *rule, b *hclsyntax.Block) {
	name := describe(b)
	switch n := len(b.Labels); {
	case b.Type == "primary_key" && n > 0:
		c.errorf(b.LabelRanges[0], "named-primary-key", "the name %q of a primary key would be ignored", b.Labels[0])
		c.diags.Hintf("leave it out: PostgreSQL names it after the table, with _pkey behind")
	case n > r.labels && !(r.qualified && n == r.labels+1):
		c.errorf(b.LabelRanges[r.labels], "unexpected-label", "%s has one label too many: %q", describe(b), b.Labels[r.labels])
	}
	for _, attr := range r.required {
		if b.Body.Attributes[attr] == nil {
			c.errorf(b.DefRange(), "missing-attribute", "%s has no %s", name, attr)
		}
	}
	c.either(r, b, name)
	c.body(b, r, b.Body)
}

// either checks that a block has exactly one of the things that exclude each
// other.
func (c *checker) either(r *rule, b *hclsyntax.Block, name string) {
	if len(r.either) == 0 {
		return
	}
	var has []string
	for _, word := range r.either {
		isBlock := slices.ContainsFunc(b.Body.Blocks, func(b *hclsyntax.Block) bool { return b.Type == word })
		if isBlock || b.Body.Attributes[word] != nil {
			has = append(has, word)
		}
	}
	switch len(has) {
	case 0:
		c.errorf(b.DefRange(), "missing-attribute", "%s has neither %s", name, strings.Join(r.either, " nor "))
	case 1:
	default:
		c.errorf(b.DefRange(), "conflicting-attributes", "%s has both %s", name, strings.Join(has, " and "))
	}
}

// unnamed reports blocks that lack the label that is their name. PostgreSQL
// would make up a name, after what is taken already: two tenants with different
// histories would never be the same, and Atlas would drop and add it for ever.
func (c *checker) unnamed(table *hclsyntax.Block, r *rule) {
	for _, b := range table.Body.Blocks {
		child, ok := r.blocks[b.Type]
		if !ok || child.labels == 0 || labelOf(b) != "" {
			continue
		}
		c.errorf(b.DefRange(), "unnamed-"+strings.ReplaceAll(b.Type, "_", "-"), "%s of %s has no name", describe(b), describe(table))
		c.diags.Hintf("say it as the label: %s %q", b.Type, wouldBeNamed(labelOf(table), b))
	}
}

// wouldBeNamed returns the name that PostgreSQL would give to a constraint or
// an index of a table, so that taking it changes nothing in a live schema.
func wouldBeNamed(table string, b *hclsyntax.Block) string {
	suffix, ok := map[string]string{"foreign_key": "_fkey", "unique": "_key", "index": "_idx", "check": "_check"}[b.Type]
	if !ok {
		return "name"
	}
	words := []string{table}
	if a := b.Body.Attributes["columns"]; a != nil {
		for _, t := range a.Expr.Variables() {
			words = append(words, lastStep(t))
		}
	}
	return strings.Join(words, "_") + suffix
}

// describe names a block for a message: table "users", an on block.
func describe(b *hclsyntax.Block) string {
	if name := labelOf(b); name != "" {
		return fmt.Sprintf("%s %q", b.Type, name)
	}
	if strings.ContainsRune("aeio", rune(b.Type[0])) {
		return "an " + b.Type + " block"
	}
	return "a " + b.Type + " block"
}

// labelOf returns the label that is a block's name: the last, where a schema's
// goes before it.
func labelOf(b *hclsyntax.Block) string {
	if len(b.Labels) == 0 {
		return ""
	}
	return b.Labels[len(b.Labels)-1]
}
