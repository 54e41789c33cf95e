package schema

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// An External is a blueprint some of whose sources only the Atlas binary can
// evaluate, by the user's own project file.
type External struct {
	Project []byte   // the text of the project file
	Dir     string   // its folder, which relative paths are relative to
	Src     string   // an expression in it: the sources
	Attrs   string   // the other attributes of the envs, which Atlas gives to HCL as input variables
	Inputs  []string // the names of the input variables that the project file declares
}

// External returns how the binary finds the sources, or nil where they are known.
func (b *Blueprint) External() *External {
	if len(b.external) == 0 {
		return nil
	}
	x := &External{Project: b.project.text, Dir: filepath.Dir(b.project.Path)}
	var parts []string
	for _, s := range slices.Concat(b.sharedSources(), b.sources) {
		if path, err := filepath.Abs(s.path); err == nil && isHCL(path) {
			parts = append(parts, fmt.Sprintf("%q", "file://"+path))
		}
	}
	text := func(a *hclsyntax.Attribute) string {
		return string(b.project.text[a.SrcRange.Start.Byte:a.SrcRange.End.Byte])
	}
	seen := map[string]bool{"src": true, "url": true, "dev": true, "schemas": true, "exclude": true, "schema": true}
	for _, s := range b.external {
		body := s.evaluated.Body
		if src := body.Attributes["src"]; src != nil {
			r := src.Expr.Range()
			parts = append(parts, string(b.project.text[r.Start.Byte:r.End.Byte]))
		}
		for _, name := range attributesInOrder(body) {
			if !seen[name] {
				seen[name] = true
				x.Attrs += "  " + text(body.Attributes[name]) + "\n"
			}
		}
	}
	x.Src = parts[0]
	if len(parts) > 1 {
		x.Src = "flatten([" + strings.Join(parts, ", ") + "])"
	}
	body, _ := bodyOf(b.project.text, b.project.Path)
	for _, block := range body.Blocks {
		if block.Type == "variable" {
			x.Inputs = append(x.Inputs, labelOf(block))
		}
	}
	return x
}

// Unsettled reports whether the digest lacks what only the binary can evaluate.
func (b *Blueprint) Unsettled() bool {
	if len(b.external) > 0 && b.evaluated == "" {
		return true
	}
	return slices.ContainsFunc(b.Shared, func(s *Blueprint) bool { return len(s.external) > 0 }) && b.Digest != b.digest()
}

// Settle asks the engine what it makes of an Unsettled blueprint, so that its digest
// is that of all that can change what it compiles to. Shared services are settled
// before what refers to them.
func (p *Planner) Settle(ctx context.Context, b *Blueprint) error {
	if len(b.external) > 0 {
		bench, err := p.bench(ctx, b)
		if err != nil {
			return err
		}
		defer bench.Close()
		statements, err := p.Engine.Create(ctx, bench, b)
		if err != nil {
			return err
		}
		for _, s := range statements {
			b.evaluated += templateOf(s.SQL, bench) + ";\n"
		}
	}
	b.Digest = b.digest()
	return nil
}

// SharedOnBench puts the scratch names of shared schemas into SQL that names the
// real ones, and the name of the bench's own schema where the SQL has another.
func (b *Bench) SharedOnBench(sql, own string) string {
	if own != b.Schema {
		sql = replaceQualifier(sql, own, b.Schema)
		sql = strings.ReplaceAll(sql, "ON SCHEMA "+QuoteIdent(own)+" ", "ON SCHEMA "+QuoteIdent(b.Schema)+" ")
	}
	return b.sharedOnBench(sql)
}

// AsWritten returns a bench that calls shared schemas by their real names, to be
// laid out elsewhere: there is nobody else there.
func (b *Bench) AsWritten() *Bench {
	return &Bench{Schema: b.Schema, nonce: b.nonce, shared: b.shared, written: true}
}
