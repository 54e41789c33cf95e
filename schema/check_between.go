package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty/convert"
)

// between checks what only all files together can say: names that are taken
// twice, variables without a value, references that Atlas gets wrong.
func (c *checker) between() {
	seen := make(map[string]*hclsyntax.Block)
	locals := make(map[string]hcl.Range)
	for _, b := range c.blocks {
		switch b.Type {
		case "schema":
			c.unique(seen, b, "schema")
			c.schemaName(b)
		case "table": // the same name in two schemas is well, except for references
			c.unique(seen, b, "table of "+schemaOf(b))
			c.references(b)
		case "enum": // Atlas finds an enum by its name alone, whatever its schema
			c.unique(seen, b, "enum")
		case "variable":
			if twin := seen["variable "+labelOf(b)]; twin == nil || !sameVariable(twin, b) {
				c.unique(seen, b, "variable")
			}
			c.variable(b)
		case "locals":
			c.locals(locals, b)
		}
	}
	for _, b := range c.blocks {
		if (b.Type == "schema" || b.Type == "enum" || b.Type == "table" || b.Type == "variable") && labelOf(b) == "" {
			c.errorf(b.DefRange(), "unnamed-"+b.Type, "%s has no name", describe(b))
			c.diags.Hintf(`say it as the label: %s "name"`, b.Type)
		}
	}
}

// unique reports a second block of a kind and a name. seen may hold other keys;
// kinds are types of blocks, some with more behind.
func (c *checker) unique(seen map[string]*hclsyntax.Block, b *hclsyntax.Block, kind string) {
	if labelOf(b) == "" {
		return
	}
	key := kind + " " + labelOf(b)
	if twin := seen[key]; twin != nil {
		c.errorf(b.DefRange(), "duplicate-"+strings.ReplaceAll(b.Type, "_", "-"), "%s is declared twice", describe(b))
		c.diags.Hintf("also declared at %s", posOf(twin.DefRange()))
		return
	}
	seen[key] = b
}

// locals reports a name that two locals blocks define; Atlas takes either.
func (c *checker) locals(seen map[string]hcl.Range, b *hclsyntax.Block) {
	for _, name := range attributesInOrder(b.Body) {
		at := b.Body.Attributes[name].Range()
		if first, ok := seen[name]; ok {
			c.errorf(at, "duplicate-local", "local %q is defined twice", name)
			c.diags.Hintf("also defined at %s", posOf(first))
			continue
		}
		seen[name] = at
	}
}

// variable reports a variable without a value, or with one of another type.
func (c *checker) variable(b *hclsyntax.Block) {
	given, ok := c.vars[labelOf(b)]
	if !ok {
		if b.Body.Attributes["default"] == nil {
			c.errorf(b.DefRange(), "missing-variable", "variable %q has no default, and no value is given", labelOf(b))
			c.diags.Hintf("give it a default here, or a value under the tenant's vars")
		}
		return
	}
	if t, ok := variableTypeOf(b); ok {
		if _, err := convert.Convert(given, t); err != nil {
			c.errorf(b.DefRange(), "invalid-variable", "the value given for variable %q is not right: %s", labelOf(b), err)
		}
	}
}

// schemaName refuses names of schemas that break references to them. Atlas
// replaces the label by the name in each reference, by replacing text in
// "$schema.label", and only where some variable is declared.
func (c *checker) schemaName(b *hclsyntax.Block) {
	label, named := labelOf(b), b.Body.Attributes["name"]
	if named == nil || label == "" {
		return
	}
	if v, ok := literal(named.Expr); ok && v == label {
		return
	}
	at := "$schema." + label
	if !hclsyntax.ValidIdentifier(label) {
		at = "$schema[" + strconv.Quote(label) + "]"
	}
	if strings.Count(at, label) != 1 {
		c.errorf(b.LabelRanges[0], "schema-label", "references to a schema that is labelled %q and named otherwise would break", label)
		c.diags.Hintf(`label it by a longer word, which is no part of "$schema.": schema "tenant"`)
	}
	if !slices.ContainsFunc(c.blocks, func(b *hclsyntax.Block) bool { return b.Type == "variable" }) {
		c.errorf(named.Expr.Range(), "schema-name", "references to a schema whose name is not its label need a variable")
		c.diags.Hintf(`declare variable "schema" { type = string } and write name = var.schema, or leave the name out`)
	}
}

// schemaOf returns what a table's schema attribute refers to.
func schemaOf(table *hclsyntax.Block) string {
	if a := table.Body.Attributes["schema"]; a != nil {
		if t, ok := traversal(a.Expr); ok {
			return path(t)
		}
	}
	return fmt.Sprint(posOf(table.DefRange())) // unlike any other
}
