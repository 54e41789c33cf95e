package schema

import (
	"context"
	"slices"
)

// review says of each statement what is dangerous about it: what its text and
// the structures before and after say, what Atlas's analysers said, and, for
// rewrites, what PostgreSQL does when it runs on the bench. Probes are tried
// there too. The bench stays as it was.
func (t *transition) review(ctx context.Context, statements []Statement) ([]Statement, error) {
	f := factsOf(t.from, t.to.Lines)
	out := slices.Clone(statements)
	commands := make([]command, len(out))
	for i, s := range out {
		commands[i] = commandOf(s.SQL)
		f.note(commands[i])
		hazards := f.hazards(commands[i])
		if !s.Transactional { // built while the table is in use
			hazards = slices.DeleteFunc(hazards, func(h Hazard) bool { return h.Code == HazardBlocksWrites })
		}
		out[i].Hazards = merged(hazards, s.Hazards, commands[i])
	}
	err := t.bench.attempt(ctx, func() error {
		if err := t.bench.enter(ctx, t.bench.Schema); err != nil {
			return err
		}
		if err := t.bench.keepProbes(ctx, out); err != nil {
			return err
		}
		return t.bench.measure(ctx, f, out, commands)
	})
	return out, err
}

// merged returns our hazards of a statement with what Atlas's analysers say of
// it: their code where it is the same, and renames, which only they see. The rest
// they see less of than we do: to them, an identity is a column without a value.
func merged(ours, theirs []Hazard, c command) []Hazard {
	for _, h := range theirs {
		known := false
		for i := range ours {
			if ours[i].Code == h.Code {
				known, ours[i].Atlas = true, h.Atlas
			}
		}
		if !known && (c.verb == "" || h.Atlas == "" || h.Code == HazardIncompatible) {
			ours = append(ours, h)
		}
	}
	return ours
}

// keepProbes takes out the probes that do not work on the structure that a
// step starts from: they ask for what is only made by it.
func (b *Bench) keepProbes(ctx context.Context, statements []Statement) error {
	var probes []string
	for _, s := range statements {
		for _, h := range s.Hazards {
			if h.Probe != "" {
				probes = append(probes, h.Probe)
			}
		}
	}
	if done, err := b.atOnce(ctx, probes); done || err != nil {
		return err
	}
	for _, s := range statements {
		for i, h := range s.Hazards {
			if h.Probe == "" {
				continue
			}
			failure, err := b.try(ctx, h.Probe)
			if err != nil {
				return err
			}
			if failure != nil {
				s.Hazards[i].Probe, s.Hazards[i].Fails = "", ""
			}
		}
	}
	return nil
}

// measure runs the statements and adds a hazard to those that have written a
// table anew. Where none of them could, none is run.
func (b *Bench) measure(ctx context.Context, f facts, statements []Statement, commands []command) error {
	var before []string // what is still to be run
	for i, c := range commands {
		sql := inTransaction(statements[i])
		if !f.mayRewrite(c) {
			before = append(before, sql)
			continue
		}
		if done, err := b.atOnce(ctx, before); err != nil || !done {
			return err // what does not run in this order is not measured
		}
		before = nil
		was, err := b.fileOf(ctx, c.table)
		if err != nil {
			return err
		}
		if done, err := b.atOnce(ctx, []string{sql}); err != nil || !done {
			return err
		}
		is, err := b.fileOf(ctx, c.table)
		if err != nil {
			return err
		}
		if was != is {
			statements[i].Hazards = rewrites(statements[i].Hazards, c)
		}
	}
	return nil
}

// mayRewrite reports whether it is worth a look if a command writes a table anew.
func (f facts) mayRewrite(c command) bool {
	return c.verb == "ALTER TABLE" && f.table(bareName(c.table)) && slices.ContainsFunc(c.clauses, func(clause clause) bool {
		_, adds := clause.starts("ADD")
		return clause.has("TYPE") || clause.has("LOGGED") || clause.has("UNLOGGED") || clause.has("EXPRESSION") || clause.has("SET", "ACCESS") ||
			adds && !clause.has("CONSTRAINT") && (clause.has("DEFAULT") || clause.has("GENERATED") || clause.hasSerial() || !clause.has("NULL"))
	})
}

func rewrites(hazards []Hazard, c command) []Hazard {
	table, alternative := bareName(c.table), newColumn
	for _, clause := range c.clauses {
		if _, adds := clause.starts("ADD"); adds {
			alternative = fillLater
		}
	}
	return append(hazards, Hazard{Code: HazardRewritesTable, Message: "writes all of " + QuoteIdent(table) + " anew: nobody reads or writes it meanwhile", Alternative: alternative})
}

// fileOf returns the file that a table is in, 0 where it has none.
func (b *Bench) fileOf(ctx context.Context, table string) (node int64, err error) {
	rows, err := b.QueryContext(ctx, "SELECT coalesce(pg_relation_filenode(to_regclass($1)::oid), 0)::bigint", table)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&node); err != nil {
			return 0, err
		}
	}
	return node, rows.Err()
}
