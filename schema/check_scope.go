package schema

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// scopeOf returns the variables and locals whose values are known without
// Atlas's functions. A local may refer to others, in any order.
func scopeOf(blocks hclsyntax.Blocks, vars map[string]cty.Value) *hcl.EvalContext {
	values, locals := make(map[string]cty.Value), make(map[string]cty.Value)
	var open []*hclsyntax.Attribute
	for _, b := range blocks {
		switch {
		case b.Type == "variable" && labelOf(b) != "":
			v, ok := vars[labelOf(b)]
			if d := b.Body.Attributes["default"]; !ok && d != nil {
				value, diags := d.Expr.Value(nil)
				v, ok = value, !diags.HasErrors()
			}
			t, isKnown := variableTypeOf(b)
			if !ok || !isKnown {
				continue
			}
			if v, err := convert.Convert(v, t); err == nil {
				values[labelOf(b)] = v
			}
		case b.Type == "locals":
			for _, name := range attributesInOrder(b.Body) {
				open = append(open, b.Body.Attributes[name])
			}
		}
	}
	scope := &hcl.EvalContext{Variables: map[string]cty.Value{"var": cty.ObjectVal(values)}}
	for range open {
		for _, a := range open {
			if v, diags := a.Expr.Value(scope); !diags.HasErrors() {
				locals[a.Name] = v
			}
		}
		scope.Variables["local"] = cty.ObjectVal(locals)
	}
	return scope
}

// variableTypeOf returns the type of a variable that is a plain one.
func variableTypeOf(b *hclsyntax.Block) (cty.Type, bool) {
	if a := b.Body.Attributes["type"]; a != nil {
		if t, ok := traversal(a.Expr); ok {
			found, ok := map[string]cty.Type{"string": cty.String, "number": cty.Number, "int": cty.Number, "bool": cty.Bool}[path(t)]
			return found, ok
		}
	}
	return cty.NilType, false
}

// sameVariable reports whether two declarations mean the same, as where two
// services each bring what they need.
func sameVariable(a, b *hclsyntax.Block) bool {
	ta, ok1 := variableTypeOf(a)
	tb, ok2 := variableTypeOf(b)
	da, db := a.Body.Attributes["default"], b.Body.Attributes["default"]
	if !ok1 || !ok2 || ta != tb || (da == nil) != (db == nil) {
		return false
	}
	if da == nil {
		return true
	}
	va, diags := da.Expr.Value(nil)
	vb, more := db.Expr.Value(nil)
	return !diags.HasErrors() && !more.HasErrors() && va.RawEquals(vb)
}

// literal returns the string that an expression is without a context.
func literal(x hclsyntax.Expression) (string, bool) {
	v, diags := x.Value(nil)
	if diags.HasErrors() || !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
		return "", false
	}
	return v.AsString(), true
}

func attributesInOrder(body *hclsyntax.Body) []string {
	var names []string
	for name := range body.Attributes {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return body.Attributes[a].SrcRange.Start.Byte - body.Attributes[b].SrcRange.Start.Byte
	})
	return names
}
