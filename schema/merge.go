package schema

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A Merged is the HCL of a blueprint as one text, for an engine that is another
// program. One text, because Atlas evaluates variables and locals of several
// files in the random order of a map. Schemas are named as on a bench.
type Merged struct {
	Text []byte
	Vars map[string]string // values of the input variables that it declares

	parts []mergedPart
}

// A mergedPart says which lines of the text are a source's.
type mergedPart struct {
	path  string
	first int // line of the text that is the source's line 1
}

// Origin returns the file and the line that a line of the text was read from;
// the path is empty for lines that are in no file.
func (m *Merged) Origin(line int) (path string, at int) {
	for _, p := range slices.Backward(m.parts) {
		if line >= p.first {
			return p.path, line - p.first + 1
		}
	}
	return "", line
}

// Merged returns the blueprint's HCL, that of the shared services first, or nil
// where it has none. What cannot be parsed is left as it is: the engine will
// say so.
func (b *Blueprint) Merged(bench *Bench) *Merged {
	m := &Merged{Vars: make(map[string]string)}
	vars := map[string]cty.Value{"schema": cty.StringVal(bench.Schema)}
	for k, v := range b.Vars {
		vars[k] = cty.StringVal(v)
	}
	var bodies []*hclsyntax.Body
	var texts [][]byte
	var all hclsyntax.Blocks
	for _, s := range slices.Concat(b.sharedSources(), b.sources) {
		if !isHCL(s.path) {
			continue
		}
		file, _ := hclsyntax.ParseConfig(s.data, s.path, hcl.InitialPos)
		body := file.Body.(*hclsyntax.Body)
		bodies, texts = append(bodies, body), append(texts, bytes.Clone(s.data))
		all = append(all, body.Blocks...)
		m.parts = append(m.parts, mergedPart{path: s.path})
	}
	if len(texts) == 0 {
		return nil
	}
	w := &schemaRenamer{bench: bench, scope: scopeOf(all, vars), seen: make(map[string]*hclsyntax.Block)}
	for i, body := range bodies {
		texts[i] = w.rename(texts[i], body)
		m.parts[i].first = bytes.Count(m.Text, []byte("\n")) + 1
		m.Text = append(append(m.Text, texts[i]...), '\n')
	}
	m.parts = append(m.parts, mergedPart{first: bytes.Count(m.Text, []byte("\n")) + 1})
	m.Text = append(m.Text, w.moved...)
	for name := range w.seen {
		if v, ok := vars[name]; ok {
			m.Vars[name] = v.AsString()
		}
	}
	return m
}

// schemaRenamer names the schema blocks of sources as on a bench, without moving
// anything else to another line.
type schemaRenamer struct {
	bench *Bench
	scope *hcl.EvalContext
	seen  map[string]*hclsyntax.Block // variables
	moved []byte                      // the blocks that had no line for a name
}

func (w *schemaRenamer) rename(text []byte, body *hclsyntax.Body) []byte {
	twins := make(map[*hclsyntax.Block]bool)
	for _, block := range body.Blocks {
		if block.Type == "variable" && len(block.Labels) == 1 {
			first := w.seen[block.Labels[0]]
			twins[block] = first != nil && sameVariable(first, block)
			w.seen[block.Labels[0]] = block
		}
	}
	for _, block := range slices.Backward(body.Blocks) { // so that places before stay what they are
		switch {
		case block.Type == "schema":
			text = w.renameSchema(text, block)
		case twins[block]:
			text = blank(text, block.Range())
		}
	}
	return text
}

func (w *schemaRenamer) renameSchema(text []byte, block *hclsyntax.Block) []byte {
	name := fmt.Sprintf("%q", w.nameOf(block))
	if a := block.Body.Attributes["name"]; a != nil {
		r := a.Expr.Range()
		return slices.Concat(text[:r.Start.Byte], []byte(name), text[r.End.Byte:])
	}
	r := block.Range()
	r.End = block.CloseBraceRange.Start
	w.moved = slices.Concat(w.moved, text[r.Start.Byte:r.End.Byte], []byte("\n  name = "+name+"\n}\n"))
	r.End = block.CloseBraceRange.End
	return blank(text, r)
}

// nameOf returns the scratch name of a schema block.
func (w *schemaRenamer) nameOf(block *hclsyntax.Block) string {
	name := labelOf(block)
	if a := block.Body.Attributes["name"]; a != nil {
		if v, diags := a.Expr.Value(w.scope); !diags.HasErrors() && v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
			name = v.AsString()
		}
	}
	if scratch, ok := w.bench.Shared[name]; ok {
		return scratch
	}
	return w.bench.Schema
}

// blank puts spaces in place of what is not the end of a line.
func blank(text []byte, r hcl.Range) []byte {
	blanked := strings.Map(func(c rune) rune {
		if c == '\n' || c == '\r' {
			return c
		}
		return ' '
	}, string(text[r.Start.Byte:r.End.Byte]))
	return slices.Concat(text[:r.Start.Byte], []byte(blanked), text[r.End.Byte:])
}
