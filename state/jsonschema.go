package state

import (
	_ "embed"
	"slices"
)

//go:embed tenants.schema.json
var jsonSchema []byte

// JSONSchema returns a JSON Schema (draft 2020-12) of the file, by which editors
// complete and explain it. Parse sees more: what a part of the file means for
// another, and what YAML readers disagree about.
func JSONSchema() []byte { return slices.Clone(jsonSchema) }
