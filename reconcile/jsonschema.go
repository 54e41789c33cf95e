package reconcile

import (
	_ "embed"
	"slices"
)

//go:embed plan.schema.json
var planSchema []byte

// PlanSchema returns the JSON Schema (draft 2020-12) of a plan, and of what came
// of it.
func PlanSchema() []byte { return slices.Clone(planSchema) }
