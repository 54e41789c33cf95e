package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// pendingFiles measures n tenants with so many pending files each, against a loop
// that sends the same files, a transaction and a round trip each, over as many
// connections.
func (b *bench) pendingFiles(ctx context.Context, n, files int) error {
	fmt.Printf("\n%d tenants, %d pending files\n", n, files)
	dir := filepath.Join(b.dir, fmt.Sprint("files", n))
	if err := b.writeFilesWorld(dir, n); err != nil {
		return err
	}
	relay, relayed, url, drop, err := b.relayedDatabase(ctx, "files")
	if err != nil {
		return err
	}
	defer drop()
	if _, err := b.reconcile(ctx, dir, relayed); err != nil {
		return err
	}
	if err := prepareBare(ctx, url, n); err != nil {
		return err
	}
	sent, written := make([]string, files), make(map[string]string)
	for i := range files {
		sent[i] = migrationFile(i + 1)
		written[fmt.Sprintf("migrations/V%d__step.sql", i+1)] = sent[i]
	}
	if err := writeFiles(dir, written); err != nil {
		return err
	}
	// Half of the loop before and half of it after: a machine is seldom as fast as it was a minute ago.
	first, err := b.sendFiles(ctx, relayed, 0, n/2, sent)
	if err != nil {
		return err
	}
	before := relay.trips.Load()
	o, err := b.reconcile(ctx, dir, relayed)
	if err != nil {
		return err
	}
	trips := relay.trips.Load() - before
	second, err := b.sendFiles(ctx, relayed, n/2, n, sent)
	if err != nil {
		return err
	}
	row("pending files", o.took, first+second, fmt.Sprintf("%.1f round trips a tenant, %d MB", float64(trips)/float64(n), o.peak>>20))
	read, err := bareRead(ctx, relayed)
	if err != nil {
		return err
	}
	if o, err = b.best(ctx, dir, relayed); err != nil {
		return err
	}
	row("nothing pending", o.took, read, "")
	return nil
}

// firstFile is what each tenant has before the files that are pending.
const firstFile = "CREATE TABLE members (id bigint PRIMARY KEY, name text NOT NULL);\n"

func (b *bench) writeFilesWorld(dir string, n int) error {
	files := map[string]string{
		"tenants.yaml":            fmt.Sprintf("defaults: {services: [app]}\npolicy: {parallelism: %d}\ntenants:\n%s", b.connections, listed(n)),
		"atlas.hcl":               "env \"app\" {\n  migration {\n    dir    = \"file://migrations\"\n    format = flyway\n  }\n}\n",
		"migrations/V0__init.sql": firstFile,
	}
	return writeFiles(dir, files)
}

// migrationFile is the i-th file of a history: tables, columns, indexes, functions,
// checks and rows, in turn.
func migrationFile(i int) string {
	switch i % 6 {
	case 1:
		return fmt.Sprintf("CREATE TABLE posts%d (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, author bigint NOT NULL REFERENCES members, title text NOT NULL CHECK (title <> ''));\n", i)
	case 2:
		return fmt.Sprintf("ALTER TABLE posts%d ADD COLUMN words integer NOT NULL DEFAULT 0;\nCOMMENT ON COLUMN posts%d.words IS 'how many there are';\n", i-1, i-1)
	case 3:
		return fmt.Sprintf("CREATE INDEX posts%d_author ON posts%d (author, id DESC);\n", i-2, i-2)
	case 4:
		return fmt.Sprintf("CREATE FUNCTION longer%d(x integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT x + %d';\n", i, i)
	case 5:
		return fmt.Sprintf("INSERT INTO members SELECT %d, 'member %d';\nINSERT INTO posts%d (author, title) VALUES (%d, 'hello');\n", i, i, i-4, i)
	}
	return fmt.Sprintf("ALTER TABLE posts%d ADD CONSTRAINT brief CHECK (length(title) < 200) NOT VALID;\nALTER TABLE posts%d VALIDATE CONSTRAINT brief;\n", i-5, i-5)
}

func bareSchema(i int) string { return fmt.Sprintf("bare_t%05d", i) }

// prepareBare makes what the loop finds.
func prepareBare(ctx context.Context, url string, n int) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for i := range n {
		sql := "BEGIN; CREATE SCHEMA " + bareSchema(i) + "; SET LOCAL search_path = " + bareSchema(i) + ";" + firstFile + "; COMMIT"
		if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
			return err
		}
	}
	return nil
}

// sendFiles is the loop, for the tenants from one to another.
func (b *bench) sendFiles(ctx context.Context, url string, from, to int, files []string) (time.Duration, error) {
	queue := make(chan int, to-from)
	for i := from; i < to; i++ {
		queue <- i
	}
	close(queue)
	started := time.Now()
	workers, ctx := errgroup.WithContext(ctx)
	for range b.connections {
		workers.Go(func() error {
			conn, err := pgx.Connect(ctx, url)
			if err != nil {
				return err
			}
			defer conn.Close(ctx)
			for i := range queue {
				for _, file := range files {
					sql := "BEGIN; SET LOCAL search_path = " + bareSchema(i) + ", public;\n" + file + "; COMMIT"
					if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
						return fmt.Errorf("%s: %w", file, err)
					}
				}
			}
			return nil
		})
	}
	err := workers.Wait()
	return time.Since(started), err
}
