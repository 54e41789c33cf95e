package schema

import (
	"context"
	"errors"
	"slices"

	"tenantry/internal/diag"
)

// A CompiledFile is one migration of what was compiled.
type CompiledFile struct {
	Key         string      `json:"key"`   // of the service and the file
	First       int         `json:"first"` // its first statement
	Count       int         `json:"count"`
	Fingerprint Fingerprint `json:"fingerprint"` // of what there was when it had run
}

func fileKey(m *Migration) string { return m.Service + "/" + m.key() }

// initial returns what a new schema runs of the files.
func (b *Blueprint) initial() []FileRun {
	if b.runs != nil {
		return b.runs
	}
	runs, _ := b.Pending(nil, Names{}) // a schema without a history is at odds with nothing
	return runs
}

// migrate runs a blueprint's migrations on the bench and adds them to what was
// compiled of it. What does not work is a diag.List.
func (b *Bench) migrate(ctx context.Context, blueprint *Blueprint, c *Compiled) error {
	if table := blueprint.FlywayHistory(); table != "" {
		if err := b.lookAtHistory(ctx, table, c); err != nil {
			return err
		}
	}
	var all []Statement
	for _, r := range blueprint.initial() {
		all = append(all, b.templates(r)...)
	}
	b.ahead = foresee(all)
	for _, r := range blueprint.initial() {
		statements := b.templates(r)
		if err := b.runFile(ctx, r, statements); err != nil {
			return err
		}
		lines, err := b.lines(ctx)
		if err != nil {
			return err
		}
		c.Files = append(c.Files, CompiledFile{Key: fileKey(r.Migration), First: len(c.Create), Count: len(statements), Fingerprint: FingerprintOf(lines)})
		c.Create = append(c.Create, statements...)
	}
	return nil
}

// lookAtHistory notes what Flyway's table looks like among a schema's lines.
func (b *Bench) lookAtHistory(ctx context.Context, table string, c *Compiled) error {
	return b.attempt(ctx, func() error {
		if err := b.build(ctx, b.Schema, flywayTable(table)); err != nil {
			return err
		}
		lines, err := b.lines(ctx)
		for _, l := range lines {
			if l.Kind == KindMigrationHistory {
				c.History = &l
			}
		}
		return err
	})
}

// withoutHistory returns lines without those of other tools' tables, which are no
// part of what migrations make.
func withoutHistory(lines []Line) []Line {
	return slices.DeleteFunc(slices.Clone(lines), func(l Line) bool { return l.Kind == KindMigrationHistory })
}

// templates returns the statements of a run of a file as templates, in which
// shared schemas are marks too.
func (b *Bench) templates(r FileRun) []Statement {
	m := r.Migration
	var out []Statement
	for _, s := range m.statements[r.Begin : r.Begin+r.Count] {
		sql := b.sharedOnBench(s.SQL)
		if b.own != "" { // a shared service's own name for itself
			sql = replaceQualifier(sql, b.own, b.Schema)
		}
		sql = templateOf(sql, b)
		if !s.Transactional {
			sql = qualified(sql)
		}
		s.SQL = sql
		out = append(out, s)
	}
	return out
}

// runFile runs the statements of a file on the bench.
func (b *Bench) runFile(ctx context.Context, r FileRun, templates []Statement) error {
	if err := b.enter(ctx, b.Schema); err != nil {
		return err
	}
	return b.runPart(ctx, r, 0, templates)
}

// runPart runs some of the statements of a file, of which so many have run.
func (b *Bench) runPart(ctx context.Context, r FileRun, ran int, templates []Statement) error {
	var all []Statement
	for _, s := range b.ahead.next(len(templates)) {
		all = append(all, b.statement(s, b.Schema))
	}
	err := b.runAll(ctx, all)
	var failed *StatementError
	if !errors.As(err, &failed) || ctx.Err() != nil {
		return err
	}
	pos := r.Migration.pos(0)
	if i := slices.IndexFunc(all, func(s Statement) bool { return s.SQL == failed.Statement.SQL }); i >= 0 {
		pos = r.Migration.placeOf(failed, r.Begin+ran+i)
	}
	var diags diag.List
	diags.Errorf(pos, "migration-fails", "%s", b.said(failed.Err))
	return diags.Err()
}

// flywayTable returns the statements that make Flyway's table as Flyway does.
func flywayTable(table string) []Statement {
	name := schemaMark + "." + QuoteIdent(table)
	sql := []string{
		"CREATE TABLE " + name + ` (
    "installed_rank" INT NOT NULL,
    "version" VARCHAR(50),
    "description" VARCHAR(200) NOT NULL,
    "type" VARCHAR(20) NOT NULL,
    "script" VARCHAR(1000) NOT NULL,
    "checksum" INTEGER,
    "installed_by" VARCHAR(100) NOT NULL,
    "installed_on" TIMESTAMP NOT NULL DEFAULT now(),
    "execution_time" INTEGER NOT NULL,
    "success" BOOLEAN NOT NULL,
    CONSTRAINT ` + QuoteIdent(table+"_pk") + ` PRIMARY KEY ("installed_rank")
)`,
		"CREATE INDEX " + QuoteIdent(table+"_s_idx") + " ON " + name + ` ("success")`,
	}
	var out []Statement
	for _, s := range sql {
		out = append(out, Statement{SQL: s, Comment: "Flyway's history", Transactional: true, Hazards: []Hazard{}})
	}
	return out
}

// Creation returns what makes a new schema.
func (c *Compiled) Creation(b *Blueprint) *Transition {
	out := &Transition{Statements: c.Statements(), Lines: c.Lines, Keys: c.Keys}
	runs := b.initial()
	for i, f := range c.Files {
		r := runs[i]
		r.First = f.First
		out.Files = append(out.Files, r)
	}
	if c.History != nil {
		table := flywayTable(c.History.Name)
		at := len(out.Statements)
		if len(out.Files) > 0 {
			at = out.Files[0].First
		}
		out.Statements = slices.Insert(out.Statements, at, table...)
		for i := range out.Files {
			out.Files[i].First += len(table)
		}
		out.Lines = append(slices.Clone(c.Lines), *c.History)
		SortLines(out.Lines)
	}
	out.To = FingerprintOf(out.Lines)
	return out
}

// Stage returns the runs after which there was just that structure, the longest
// of them: what a schema without a history must have behind it.
func (c *Compiled) Stage(b *Blueprint, lines []Line) (runs []FileRun, ok bool) {
	f := FingerprintOf(withoutHistory(lines))
	for i, file := range c.Files {
		if file.Fingerprint == f {
			runs, ok = b.initial()[:i+1], true
		}
	}
	return runs, ok
}

// has reports whether what was compiled is made of just those migrations.
func (c *Compiled) has(applied []Applied) bool {
	keys := make(map[string]bool)
	for _, f := range c.Files {
		keys[f.Key] = true
	}
	seen := make(map[string]bool)
	for _, a := range applied {
		key := a.Service + "/" + a.key()
		if a.Service == "" || !a.Done || !keys[key] {
			return false
		}
		seen[key] = true
	}
	return len(seen) == len(keys)
}
