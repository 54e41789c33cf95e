package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	atlas "ariga.io/atlas/sql/schema"
)

// A Workbench is a transaction, in whatever database, that is always rolled
// back. It needs the right to create schemas there, and no other. It is not safe
// for concurrent use.
type Workbench interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	// ExecContext runs statements. Its errors may say where in them they came up, by
	// a method Character() int that counts from 1, and returns 0 for nowhere.
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	// Lines returns the lines of the schema of that name, sorted.
	Lines(ctx context.Context, schema string) ([]Line, error)
	// Marks returns a mark for each place in the catalogs that describes the schema
	// of that name, and one for all else that it holds under no place. A mark moves
	// when a row there does.
	Marks(ctx context.Context, schema string) (map[Place]string, error)
	// Close rolls back.
	Close() error
}

// A Bench is a workbench laid out for one blueprint: its shared services built
// under scratch names, and one more scratch name for the schema being worked
// on. The names are unique and unmistakable, so that replacing them is exact.
type Bench struct {
	Workbench
	Schema string            // the scratch name of the schema being worked on
	Shared map[string]string // the scratch name of each shared service's schema

	names   Names  // who works on the bench, and in which database
	own     string // the name of the shared service whose schema it is, else ""
	nonce   string
	written bool              // shared schemas have their real names
	shared  []*Compiled       // what the shared schemas were built from
	printed map[string]string // the shared schemas' names as PostgreSQL prints them
	known   []Line            // what lines returned, until a statement is run
	ahead   *foreseen         // what is still to come of files; nil where nothing is
	aim     *atlas.Schema     // what the next plan leads to, as Atlas sees it; nil where that was not looked at
}

// ExecContext implements Workbench.
func (b *Bench) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	b.known = nil
	return b.Workbench.ExecContext(ctx, query, args...)
}

// layOut prepares a workbench. The nonce makes its names unique on the server:
// twelve hex digits that no other run will come to.
func layOut(ctx context.Context, wb Workbench, nonce string, shared []*Compiled) (*Bench, error) {
	return (&Bench{Schema: "tenantry_scratch_" + nonce + "_t", nonce: nonce, shared: shared}).Elsewhere(ctx, wb)
}

// Elsewhere lays another workbench out as this one is: with the same names, and
// the shared schemas built. The workbench is still the caller's to close.
func (b *Bench) Elsewhere(ctx context.Context, wb Workbench) (*Bench, error) {
	out := *b
	out.Workbench, out.Shared, out.printed, out.known, out.aim = wb, make(map[string]string), make(map[string]string), nil, nil
	if err := out.ask(ctx); err != nil {
		return nil, err
	}
	return &out, out.buildShared(ctx)
}

func (b *Bench) buildShared(ctx context.Context) error {
	for i, c := range b.shared {
		name := fmt.Sprintf("tenantry_scratch_%s_s%04d", b.nonce, i) // none begins another
		if b.written {
			name = c.Schema
		}
		if err := b.build(ctx, name, c.Create); err != nil {
			return fmt.Errorf("build shared schema %q: %w", c.Schema, err)
		}
		b.Shared[c.Schema] = name
		var err error
		if b.printed[c.Schema], err = b.print(ctx, c.Schema); err != nil {
			return err
		}
	}
	return nil
}

// ask asks who works on the bench, and in which database.
func (b *Bench) ask(ctx context.Context) error {
	rows, err := b.QueryContext(ctx, "SELECT current_user::text, current_database()::text")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&b.names.User, &b.names.Database); err != nil {
			return err
		}
	}
	return rows.Err()
}

// print returns an identifier as PostgreSQL prints it: quoted where it must be.
func (b *Bench) print(ctx context.Context, ident string) (printed string, err error) {
	rows, err := b.QueryContext(ctx, "SELECT quote_ident($1)", ident)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&printed); err != nil {
			return "", err
		}
	}
	return printed, rows.Err()
}

// build runs compiled statements for a schema of that name.
func (b *Bench) build(ctx context.Context, schema string, create []Statement) error {
	var all []Statement
	for _, s := range foresee(create).statements {
		all = append(all, b.statement(s, schema))
	}
	return b.run(ctx, schema, all)
}

// statement turns a template into a statement for a schema of that name.
func (b *Bench) statement(s Statement, schema string) Statement {
	n := b.names
	n.Schema, n.From = schema, schema
	return s.With(n).mapSQL(func(sql string) string { return onBench(sql, schema, b) })
}

// run runs statements in order, as they are; only the CONCURRENTLY of those
// that may not run in a transaction is left out.
func (b *Bench) run(ctx context.Context, schema string, statements []Statement) error {
	if err := b.enter(ctx, schema); err != nil {
		return err
	}
	return b.runAll(ctx, statements)
}

// runAll is run with the search_path that there is.
func (b *Bench) runAll(ctx context.Context, statements []Statement) error {
	if done, err := b.atOnce(ctx, inTransactions(statements)); done || err != nil {
		return err
	}
	for _, s := range statements { // one by one, to say which it is
		if _, err := b.ExecContext(ctx, inTransaction(s)); err != nil {
			return &StatementError{Statement: s, Err: err}
		}
	}
	return nil
}

// atOnce runs statements in one round trip, and reports whether they all worked;
// where one did not, the bench is as it was.
func (b *Bench) atOnce(ctx context.Context, statements []string) (done bool, err error) {
	if len(statements) == 0 {
		return true, nil
	}
	failure, err := b.try(ctx, strings.Join(statements, ";\n"))
	return failure == nil && err == nil, err
}

// enter sets the search_path that statements for a schema run with.
func (b *Bench) enter(ctx context.Context, schema string) error {
	_, err := b.Workbench.ExecContext(ctx, "SET LOCAL search_path = "+QuoteIdent(schema)+", public")
	return err
}

// attempt runs f and undoes on the bench whatever f did.
func (b *Bench) attempt(ctx context.Context, f func() error) error {
	known := b.known
	if _, err := b.Workbench.ExecContext(ctx, "SAVEPOINT attempt"); err != nil {
		return err
	}
	err := f()
	_, undo := b.Workbench.ExecContext(context.WithoutCancel(ctx), "ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt")
	b.known = known
	return errors.Join(err, undo)
}

// runUntilStuck runs remedies in whatever order works: those that fail are tried
// again after the others, until a round helps none of them. It returns the
// statements that ran, in the order in which they did.
func (b *Bench) runUntilStuck(ctx context.Context, remedies []remedy) ([]Statement, error) {
	if err := b.enter(ctx, b.Schema); err != nil {
		return nil, err
	}
	var ran []Statement
	var first []string
	for _, r := range remedies {
		first = append(first, r.ways[0])
	}
	done, err := b.atOnce(ctx, first)
	if err != nil {
		return nil, err
	}
	if done {
		for _, r := range remedies {
			ran = append(ran, r.statement(r.ways[0]))
		}
		return ran, nil
	}
	for len(remedies) > 0 {
		var failed []remedy
		for _, r := range remedies {
			sql, err := b.tryWays(ctx, r.ways)
			if err != nil {
				return nil, err
			}
			if sql != "" {
				ran = append(ran, r.statement(sql))
			} else {
				failed = append(failed, r)
			}
		}
		if len(failed) == len(remedies) {
			break
		}
		remedies = failed
	}
	return ran, nil
}

// tryWays returns the first of the statements that works, or "".
func (b *Bench) tryWays(ctx context.Context, ways []string) (string, error) {
	for _, sql := range ways {
		if failure, err := b.try(ctx, sql); failure == nil {
			return sql, err
		} else if err != nil {
			return "", err
		}
	}
	return "", nil
}

// runPlanned runs an engine's statements. One that fails is tried again after
// the others: a plan may take a name before it has freed it. It returns them in
// the order in which they worked.
func (b *Bench) runPlanned(ctx context.Context, statements []Statement) ([]Statement, error) {
	if err := b.enter(ctx, b.Schema); err != nil {
		return nil, err
	}
	if done, err := b.atOnce(ctx, inTransactions(statements)); done || err != nil {
		return statements, err
	}
	var ran []Statement
	for len(statements) > 0 {
		var failed []Statement
		var first error
		for _, s := range statements {
			failure, err := b.try(ctx, inTransaction(s))
			if err != nil {
				return nil, err
			}
			if failure == nil {
				ran = append(ran, s)
				continue
			}
			failed = append(failed, s)
			if first == nil {
				first = &StatementError{Statement: s, Err: failure}
			}
		}
		if len(failed) == len(statements) {
			return nil, first
		}
		statements = failed
	}
	return ran, nil
}

// inTransaction returns a statement's SQL without the CONCURRENTLY of those
// that may not run in a transaction.
func inTransaction(s Statement) string {
	if s.Transactional {
		return s.SQL
	}
	return strings.Replace(s.SQL, " CONCURRENTLY", "", 1)
}

func inTransactions(statements []Statement) (sql []string) {
	for _, s := range statements {
		sql = append(sql, inTransaction(s))
	}
	return sql
}

// try runs one statement, or several separated by semicolons, and returns why it
// failed, if it did; the bench is then as it was. An error means that the bench
// itself is lost.
func (b *Bench) try(ctx context.Context, statement string) (failure, err error) {
	known := b.known
	if _, err := b.Workbench.ExecContext(ctx, "SAVEPOINT try"); err != nil { // apart: a syntax error keeps all of a string from running
		return nil, err
	}
	if _, failure = b.ExecContext(ctx, statement+";\nRELEASE SAVEPOINT try"); failure == nil {
		return nil, nil
	}
	if ctx.Err() != nil {
		return failure, ctx.Err()
	}
	b.known = known
	_, err = b.Workbench.ExecContext(ctx, "ROLLBACK TO SAVEPOINT try; RELEASE SAVEPOINT try")
	return failure, err
}

// lines returns the lines of the schema being worked on, as they would be in a
// target: with the shared schemas under their real names.
func (b *Bench) lines(ctx context.Context) ([]Line, error) {
	if b.known != nil {
		return slices.Clone(b.known), nil
	}
	lines, err := b.Lines(ctx, b.Schema)
	if err != nil {
		return nil, err
	}
	for i := range lines {
		for name, scratch := range b.Shared {
			lines[i].Definition = strings.ReplaceAll(lines[i].Definition, scratch, b.printed[name])
		}
	}
	b.ahead.hide(lines)
	SortLines(lines)
	b.known = slices.Clone(lines)
	return lines, nil
}

// said returns an error with the bench's scratch names taken out of its text, so
// that it says the same whenever it is said.
func (b *Bench) said(err error) error {
	if err == nil {
		return nil
	}
	return &benchError{err: err, text: resolveShared(templateOf(err.Error(), b), slices.Sorted(maps.Keys(b.Shared)))}
}

type benchError struct {
	err  error
	text string
}

func (e *benchError) Error() string { return e.text }

func (e *benchError) Unwrap() error { return e.err }

// A StatementError is a statement that PostgreSQL refused on the workbench.
type StatementError struct {
	Statement Statement
	Err       error
}

func (e *StatementError) Error() string {
	return fmt.Sprintf("%s: %v", e.Statement.SQL, e.Err)
}

func (e *StatementError) Unwrap() error { return e.Err }
