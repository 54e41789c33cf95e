package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
)

// Native is the Atlas engine as a library, in this process.
type Native struct{}

// nativeVersion is part of the key of compiled blueprints. A test holds it to
// the version in go.mod.
const nativeVersion = "v1.3.0"

// Version implements Engine.
func (Native) Version() string { return "native ariga.io/atlas " + nativeVersion }

// Create implements Engine.
func (Native) Create(ctx context.Context, bench *Bench, b *Blueprint) ([]Statement, error) {
	desired, err := b.evaluate(bench.Schema, bench.Shared)
	if err != nil {
		return nil, err
	}
	drv, err := postgres.Open(bench)
	if err != nil {
		return nil, err
	}
	changes, err := drv.RealmDiff(atlas.NewRealm(), atlas.NewRealm(desired))
	if err != nil {
		return nil, fmt.Errorf("atlas: %w", err)
	}
	return planChanges(ctx, drv, changes)
}

// Plan implements Engine: both structures are inspected on the bench, so that
// Atlas compares its own normal forms.
func (Native) Plan(ctx context.Context, bench *Bench, b *Blueprint, to *Compiled) ([]Statement, error) {
	drv, err := postgres.Open(narrow{bench})
	if err != nil {
		return nil, err
	}
	have, err := inspect(ctx, drv, bench)
	if err != nil {
		return nil, err
	}
	if bench.aim == nil {
		if err := bench.attempt(ctx, func() error { return aim(ctx, drv, bench, to) }); err != nil {
			return nil, err
		}
	}
	want := bench.aim
	bench.aim = nil // whoever plans may change it
	// What is to be done CONCURRENTLY is so in the online form only.
	opts := []atlas.DiffOption{atlas.DiffNormalized(), atlas.DiffSkipChanges(skippedChanges(b.Diff)...)}
	differ, err := postgres.Open(failSafe{bench})
	if err != nil {
		return nil, err
	}
	changes, err := differ.SchemaDiff(have, want, opts...)
	if err != nil {
		return nil, fmt.Errorf("atlas: %w", err)
	}
	if err := lostValues(changes); err != nil {
		return nil, err
	}
	return planChanges(ctx, drv, identitiesApart(changes))
}

// Aim implements Engine.
func (Native) Aim(ctx context.Context, bench *Bench, to *Compiled) error {
	drv, err := postgres.Open(narrow{bench})
	if err != nil {
		return err
	}
	return bench.attempt(ctx, func() error { return aim(ctx, drv, bench, to) })
}

// aim has the bench hold what was compiled, and Atlas look at it.
func aim(ctx context.Context, drv migrate.Driver, bench *Bench, to *Compiled) error {
	if _, err := bench.ExecContext(ctx, "DROP SCHEMA IF EXISTS "+QuoteIdent(bench.Schema)+" CASCADE"); err != nil {
		return err
	}
	err := bench.build(ctx, bench.Schema, to.Create)
	if err == nil {
		bench.aim, err = inspect(ctx, drv, bench)
	}
	return err
}

// inspect reads the bench's schema, with the shared ones so that references
// into them are whole.
func inspect(ctx context.Context, drv migrate.Driver, bench *Bench) (*atlas.Schema, error) {
	names := []string{bench.Schema}
	for _, scratch := range bench.Shared {
		names = append(names, scratch)
	}
	slices.Sort(names)
	realm, err := drv.InspectRealm(ctx, &atlas.InspectRealmOption{Schemas: names})
	if err != nil {
		return nil, fmt.Errorf("atlas: %w", err)
	}
	own, ok := realm.Schema(bench.Schema)
	if !ok {
		return nil, fmt.Errorf("atlas: schema %q was not found on the workbench", bench.Schema)
	}
	return own, nil
}

// planChanges turns Atlas's changes into statements. Foreign keys of new tables
// come last of all: adding one takes a lock on the table that it refers to
// (SHARE ROW EXCLUSIVE, see
// https://www.postgresql.org/docs/current/explicit-locking.html), which a
// shared table's other users should wait for as briefly as can be.
func planChanges(ctx context.Context, drv migrate.Driver, changes []atlas.Change) ([]Statement, error) {
	first, last := foreignKeysApart(changes)
	var out []Statement
	for _, part := range [][]atlas.Change{first, last} {
		if len(part) == 0 {
			continue
		}
		plan, err := drv.PlanChanges(ctx, "plan", part)
		if err != nil {
			return nil, fmt.Errorf("atlas: %w", err)
		}
		hazards, err := lint(ctx, plan.Changes)
		if err != nil {
			return nil, err
		}
		for i, c := range plan.Changes {
			s, err := statementOf(c)
			if err != nil {
				return nil, err
			}
			s.Hazards = hazards[i]
			out = append(out, s)
		}
	}
	return out, nil
}

func statementOf(c *migrate.Change) (Statement, error) {
	if len(c.Args) > 0 {
		return Statement{}, errors.New("atlas: a planned statement has arguments: " + c.Cmd)
	}
	reverse, err := c.ReverseStmts()
	if err != nil {
		return Statement{}, fmt.Errorf("atlas: %w", err)
	}
	comment := c.Comment
	if _, ok := c.Source.(*atlas.AddSchema); ok {
		comment = "create the schema" // Atlas's own comment names the scratch schema
	}
	return Statement{
		SQL: c.Cmd, Comment: comment, Transactional: !strings.Contains(c.Cmd, "INDEX CONCURRENTLY "),
		Reverse: reverse,
	}, nil
}

func skippedChanges(p DiffPolicy) []atlas.Change {
	var out []atlas.Change
	for _, name := range p.Skip {
		out = append(out, skippable[name])
	}
	return out
}
