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

	// Aim looks at what plans on a bench are to lead to, while nothing but the
	// shared schemas is on it: to put that in the place of a live schema's copy
	// later has the server plan all of its looks at the bench anew. It leaves the
	// bench as it was.
	Aim(ctx context.Context, bench *Bench, to *Compiled) error

	// Plan returns the statements that lead from what the bench's schema holds
	// to what the compiled blueprint says, as far as the engine can see and
	// express. It leaves the bench as it was.
	Plan(ctx context.Context, bench *Bench, b *Blueprint, to *Compiled) ([]Statement, error)
}
