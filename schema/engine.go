package schema

import "context"

// An Engine plans: it knows the language that definitions are written in, and
// which statements lead from one structure to another. It sees benches only,
// never a managed schema.
type Engine interface {
	// Version names the engine and its version, as "native ariga.io/atlas v1.3.0".
	// What one version compiled is not used by another.
	Version() string

	// Create returns the statements that create the blueprint's schema under
	// the bench's scratch name, CREATE SCHEMA first, as far as its HCL says what
	// is in it. It runs none of them. What is wrong with the definition is
	// returned as a diag.List.
	Create(ctx context.Context, bench *Bench, b *Blueprint) ([]Statement, error)

	// Plan returns the statements that lead from what the bench's schema holds
	// to what the compiled blueprint says, as far as the engine can see and
	// express. It leaves the bench as it was.
	Plan(ctx context.Context, bench *Bench, b *Blueprint, to *Compiled) ([]Statement, error)
}
