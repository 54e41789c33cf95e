package schema

import (
	"maps"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// mergedParser parses the HCL sources and gives them to Atlas as one file, in
// the order of the sources.
//
// Atlas evaluates the variables and locals of one file after those of another,
// in the random order of a map: a local that uses a variable of another file
// works on some runs and fails on others. In one file all variables come first,
// and then the locals, each after those that it uses. Every node keeps the name
// and the place of the file that it was read from, so errors do too.
//
// An evaluation takes the blocks apart, so each needs a parser of its own.
func mergedParser(sources []source) (*hclparse.Parser, hcl.Diagnostics) {
	var found hcl.Diagnostics
	var merged *hclsyntax.Body
	parser := hclparse.NewParser()
	for _, s := range sources {
		if !isHCL(s.path) {
			continue
		}
		file, diags := hclsyntax.ParseConfig(s.data, s.path, hcl.InitialPos)
		found = append(found, diags...)
		body := file.Body.(*hclsyntax.Body)
		if merged == nil {
			merged = body
			parser.AddFile("", &hcl.File{Body: merged})
			continue
		}
		merged.Blocks = append(merged.Blocks, body.Blocks...)
		maps.Copy(merged.Attributes, body.Attributes)
	}
	return parser, found
}
