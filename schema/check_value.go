package schema

import (
	"math/big"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// known returns the value of an expression where it can be known before the
// evaluation: of literals, of locals and of variables, but not of references.
func (c *checker) known(x hclsyntax.Expression) (cty.Value, bool) {
	v, diags := x.Value(c.scope)
	return v, !diags.HasErrors() && v.IsKnown() && !v.IsNull()
}

func (c *checker) wrong(a *hclsyntax.Attribute, want, hint string) {
	c.errorf(a.Expr.Range(), "invalid-value", "%s must be %s", a.Name, want)
	if hint != "" {
		c.diags.Hintf("%s", hint)
	}
}

// scalar returns a checker of values of one type. Atlas says what is wrong with
// others, but not where.
func scalar(t cty.Type, want string) valueCheck {
	return func(c *checker, a *hclsyntax.Attribute) {
		if v, ok := c.known(a.Expr); ok && v.Type() != t {
			c.wrong(a, want, "")
		} else if call, ok := a.Expr.(*hclsyntax.FunctionCallExpr); ok && call.Name == "sql" {
			c.wrong(a, want, `it is SQL already: write the text without sql( )`)
		}
	}
}

var (
	text    = scalar(cty.String, "a string")
	boolean = scalar(cty.Bool, "true or false")
)

func anything(*checker, *hclsyntax.Attribute) {}

// word is a name that Atlas knows in this place, such as CASCADE; it reports
// others itself, with their place.
func word(c *checker, a *hclsyntax.Attribute) {
	if v, ok := c.known(a.Expr); ok && v.Type() != cty.String {
		c.wrong(a, "one of Atlas's words", "")
	}
}

// nonzero is an integer; Atlas takes zero for one that is not there.
func nonzero(c *checker, a *hclsyntax.Attribute) {
	v, ok := c.known(a.Expr)
	switch {
	case !ok:
	case v.Type() != cty.Number || !v.AsBigFloat().IsInt():
		c.wrong(a, "a whole number", "")
	case v.AsBigFloat().Sign() == 0:
		c.errorf(a.Expr.Range(), "unsupported-value", "%s = 0 would be ignored", a.Name)
	}
}

// stored is how a generated column is kept; Atlas stores it whatever is asked.
func stored(c *checker, a *hclsyntax.Attribute) {
	if v, ok := c.known(a.Expr); ok && (v.Type() != cty.String || v.AsString() != "STORED") {
		c.errorf(a.Expr.Range(), "unsupported-value", "a generated column is always STORED here")
		c.diags.Hintf("write type = STORED, or leave it out")
	}
}

// comment is a text. An empty one says nothing and fails in Atlas's planning.
func comment(c *checker, a *hclsyntax.Attribute) {
	text(c, a)
	v, ok := c.known(a.Expr)
	if !ok || v.Type() != cty.String {
		return
	}
	if v.AsString() == "" {
		c.errorf(a.Expr.Range(), "empty-comment", "an empty comment is none")
		c.diags.Hintf("leave the attribute out")
	}
	if isQuoted(v.AsString(), '\'') {
		c.quoted(a.Expr.Range(), "comment")
		c.diags.Hintf("use other quotation marks, or none")
	}
}

func enumValues(c *checker, a *hclsyntax.Attribute) {
	v, ok := c.known(a.Expr)
	if !ok {
		return
	}
	if t := v.Type(); !t.IsTupleType() && !t.IsListType() {
		c.wrong(a, `a list of strings, as ["low", "high"]`, "")
		return
	}
	if v.LengthInt() == 0 {
		c.errorf(a.Expr.Range(), "empty-enum", "an enum without values would be planned again for ever")
		c.diags.Hintf("give it a value, or leave the enum out until it has one")
	}
	for _, v := range v.AsValueSlice() {
		switch {
		case v.Type() != cty.String:
			c.wrong(a, `a list of strings, as ["low", "high"]`, "")
		case isQuoted(v.AsString(), '\''):
			c.quoted(a.Expr.Range(), "value")
			c.diags.Hintf("write it without them; Atlas quotes what needs to be quoted")
		}
	}
}

// defaultValue is a literal or sql("…").
func defaultValue(c *checker, a *hclsyntax.Attribute) {
	v, ok := c.known(a.Expr)
	if !ok {
		return
	}
	switch t := v.Type(); {
	case t == cty.Number:
		c.fraction(a, v.AsBigFloat())
	case t == cty.String && (isQuoted(v.AsString(), '\'') || isQuoted(v.AsString(), '"')):
		c.quoted(a.Expr.Range(), "default")
		inner := v.AsString()[1 : len(v.AsString())-1]
		c.diags.Hintf(`write default = %q if they are not part of it, else default = sql("'…'")`, inner)
	case t != cty.Bool && t != cty.String:
		c.wrong(a, "a string, a number, true, false or sql(…)", `a list or an object is a string to PostgreSQL: default = "{}"`)
	}
}

// fraction refuses a number that Atlas would write with fewer digits: it prints
// fractions with ten.
func (c *checker) fraction(a *hclsyntax.Attribute, f *big.Float) {
	full := f.Text('f', -1)
	want, ok1 := new(big.Rat).SetString(full)
	have, ok2 := new(big.Rat).SetString(f.String())
	if f.IsInt() || !ok1 || !ok2 || want.Cmp(have) == 0 {
		return
	}
	c.errorf(a.Expr.Range(), "rounded-number", "the default %s would be created as %s", full, f.String())
	c.diags.Hintf(`write it as SQL: default = sql("%s")`, full)
}

func (c *checker) quoted(at hcl.Range, what string) {
	c.errorf(at, "quoted-text", "the quotation marks around this %s would be taken for SQL's and lost", what)
}

// isQuoted reports whether Atlas takes a string for a quoted literal, which it
// does not quote again: the same rule as its own, with its flaw at the end.
func isQuoted(s string, quote byte) bool {
	last := len(s) - 1
	if last < 1 || s[0] != quote || s[last] != quote {
		return false
	}
	for i := 1; i < last-1; i++ {
		switch {
		case s[i] == '\\', s[i] == quote && s[i+1] == quote:
			i++
		case s[i] == quote:
			return false
		}
	}
	return true
}

// columnType is an Atlas type, an enum, or sql("…").
func columnType(c *checker, a *hclsyntax.Attribute) {
	if v, ok := c.known(a.Expr); ok && v.Type() == cty.String {
		c.wrong(a, "one of Atlas's types", `write it without quotation marks, or as sql("`+v.AsString()+`")`)
	} else if ok {
		c.wrong(a, "one of Atlas's types", "")
	}
}

// variableType is one of string, number, bool, list( ), map( ), set( ).
func variableType(c *checker, a *hclsyntax.Attribute) {
	if _, ok := c.known(a.Expr); ok {
		c.wrong(a, "string, number, bool, list(…), map(…) or set(…), without quotation marks", "")
	}
}
