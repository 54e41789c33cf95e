package schema

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// schemaReference is schema.label.
func schemaReference(c *checker, a *hclsyntax.Attribute) {
	if t, ok := traversal(a.Expr); ok && t.RootName() == "schema" && len(t) == 2 {
		return
	}
	c.wrong(a, "a reference to a schema", "schema = schema.tenant, with the label of a schema block")
}

// list is a list of references.
func list(c *checker, a *hclsyntax.Attribute) {
	if _, one := traversal(a.Expr); one {
		c.wrong(a, "a list", "put it into brackets, as [column.id]")
	} else if _, ok := c.known(a.Expr); ok {
		c.wrong(a, "a list of references", "write them without quotation marks, as [column.id] or [table.users.column.id]")
	}
}

// ownColumns is a list of columns of the table itself. Atlas looks at the
// column's name only, and would take one of that name for another table's.
func ownColumns(c *checker, a *hclsyntax.Attribute) {
	list(c, a)
	for _, t := range a.Expr.Variables() {
		c.ownColumn(a, t)
	}
}

func ownColumn(c *checker, a *hclsyntax.Attribute) {
	if _, ok := c.known(a.Expr); ok {
		c.wrong(a, "a column", "write it without quotation marks, as column.id")
	}
	for _, t := range a.Expr.Variables() {
		c.ownColumn(a, t)
	}
}

func (c *checker) ownColumn(a *hclsyntax.Attribute, t hcl.Traversal) {
	if !slices.Contains([]string{"column", "local", "var"}, t.RootName()) {
		c.errorf(t.SourceRange(), "foreign-column", "%s is not a column of this table", path(t))
		c.diags.Hintf("%s takes its own columns, as column.id", a.Name)
	}
}

// traversal returns what an expression that is a reference, and nothing else,
// refers to.
func traversal(x hclsyntax.Expression) (hcl.Traversal, bool) {
	if x, ok := x.(*hclsyntax.ScopeTraversalExpr); ok {
		return x.Traversal, true
	}
	return nil, false
}

// steps returns the names that a reference goes through: table, users, column, id.
func steps(t hcl.Traversal) []string {
	var out []string
	for _, s := range t {
		switch s := s.(type) {
		case hcl.TraverseRoot:
			out = append(out, s.Name)
		case hcl.TraverseAttr:
			out = append(out, s.Name)
		case hcl.TraverseIndex:
			if s.Key.Type() == cty.String {
				out = append(out, s.Key.AsString())
			}
		}
	}
	return out
}

func path(t hcl.Traversal) string     { return strings.Join(steps(t), ".") }
func lastStep(t hcl.Traversal) string { all := steps(t); return all[len(all)-1] }

// references refuses references of foreign keys that Atlas cannot follow: to a
// name that two schemas have, and to a table under the label of a schema that
// goes by another name.
func (c *checker) references(table *hclsyntax.Block) {
	for _, b := range table.Body.Blocks {
		a := b.Body.Attributes["ref_columns"]
		if b.Type != "foreign_key" || a == nil {
			continue
		}
		for _, t := range a.Expr.Variables() {
			words := steps(t)
			column := slices.Index(words, "column")
			switch {
			case words[0] != "table":
			case column == 2 && c.tablesNamed(words[1]) > 1:
				c.errorf(t.SourceRange(), "ambiguous-reference", "more than one schema has a table %q", words[1])
				c.diags.Hintf(`where a shared service's is meant, label it with its schema: table "identity" %q, and table.identity.%s.column.…; where the schema's own is meant, %s`, words[1], words[1], inPlainSQL)
			case column == 3 && c.renamed(words[1]):
				c.errorf(t.SourceRange(), "unsupported-reference", "Atlas does not find a table under the label %q of a schema that is named otherwise", words[1])
				c.diags.Hintf("%s: ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (…) REFERENCES %s (…)", inPlainSQL, labelOf(table), labelOf(b), words[2])
			}
		}
	}
}

func (c *checker) tablesNamed(name string) int {
	n := 0
	for _, b := range c.blocks {
		if b.Type == "table" && labelOf(b) == name {
			n++
		}
	}
	return n
}

// renamed reports whether the schema of that label has another name.
func (c *checker) renamed(label string) bool {
	return slices.ContainsFunc(c.blocks, func(b *hclsyntax.Block) bool {
		if b.Type != "schema" || labelOf(b) != label || b.Body.Attributes["name"] == nil {
			return false
		}
		v, ok := literal(b.Body.Attributes["name"].Expr)
		return !ok || v != label
	})
}
