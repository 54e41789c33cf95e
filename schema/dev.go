package schema

import "context"

// An engine that cannot see into a transaction, because it is another program,
// does its work in databases of its own, on a dev server. They are made for one
// question and dropped with the answer.

// A DevServer is a PostgreSQL on which an engine may make databases. It is safe
// for concurrent use.
type DevServer interface {
	// Major returns the server's major version.
	Major() int
	// Database makes an empty database with those extensions, by name, as far
	// as the server has them.
	Database(ctx context.Context, extensions []string) (DevDatabase, error)
}

// A DevDatabase is an empty database of an engine's own.
type DevDatabase interface {
	// URL is how to connect to it. It holds the password.
	URL() string
	// Workbench opens a workbench in it whose work can be made to stay.
	Workbench(ctx context.Context) (DevWorkbench, error)
	// Drop drops it, whoever is connected to it.
	Drop(ctx context.Context) error
}

// A DevWorkbench is a workbench whose work can be made to stay. After Commit
// nothing but Close does anything.
type DevWorkbench interface {
	Workbench
	Commit() error
}

// Major returns the major version of the bench's server.
func (b *Bench) Major(ctx context.Context) (major int, err error) {
	return major, b.each(ctx, "SELECT current_setting('server_version_num')::int / 10000", func(scan func(...any) error) error {
		return scan(&major)
	})
}

// Extensions returns the names of the extensions that the bench's database has
// beside those that every database has, sorted.
func (b *Bench) Extensions(ctx context.Context) (names []string, err error) {
	const query = `SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY extname COLLATE "C"`
	return names, b.each(ctx, query, func(scan func(...any) error) error {
		var name string
		defer func() { names = append(names, name) }()
		return scan(&name)
	})
}

// each calls f for each row of a query.
func (b *Bench) each(ctx context.Context, query string, f func(scan func(...any) error) error) error {
	rows, err := b.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Make makes the schema being worked on what was compiled.
func (b *Bench) Make(ctx context.Context, c *Compiled) error {
	return b.build(ctx, b.Schema, c.Create)
}

// Copy makes the schema being worked on what it is on another bench with the
// same names. What holds rows, and cannot be copied, is a RebuildError; where
// else a line is lost, or comes out in other words, the copy is near enough to
// plan from, since every plan is proven on the bench itself.
func (b *Bench) Copy(ctx context.Context, of *Bench) error {
	lines, err := of.lines(ctx)
	if err != nil {
		return err
	}
	_, lost, err := b.rebuild(ctx, lines)
	if err != nil {
		return err
	}
	var fatal []Difference
	for _, d := range lost {
		if d.Missing && (d.Kind == KindTable || d.Kind == KindColumn) {
			fatal = append(fatal, d)
		}
	}
	if len(fatal) > 0 {
		return &RebuildError{Differences: fatal}
	}
	return nil
}
