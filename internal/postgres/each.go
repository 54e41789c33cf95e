package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// maintenance is the database of every server that others are made from.
const maintenance = "postgres"

// NewEach is New for one of very many databases: it is made by Prepare when it is
// missing, and Rest lets go of its connections.
func NewEach(ctx context.Context, name, url string, connections int) (*DB, error) {
	db, err := New(ctx, name, url, connections)
	if err != nil {
		return nil, err
	}
	if longest := 63; len(db.config.ConnConfig.Database) > longest {
		db.Close()
		return nil, fmt.Errorf("database %s: its name has more than %d bytes, which is all that PostgreSQL keeps", name, longest)
	}
	db.each = true
	db.benches.SetMaxIdleConns(0)
	return db, nil
}

// Rest implements reconcile.Database.
func (db *DB) Rest() {
	if db.each {
		db.pool.Reset()
	}
}

// isMissing reports whether the error says that there is no such database on the
// server. A pooler says so in the server's words, with a code of its own.
func isMissing(err error, database string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "3D000" || saidByPooler(pg) && strings.Contains(pg.Message, "database \""+database+"\" does not exist"))
}

// isAbsent reports whether there is no such database, where connecting to it has
// failed so. A pooler that knew the database before does not say why it has none of
// its connections any more; then the server is asked.
func (db *DB) isAbsent(ctx context.Context, failed error) bool {
	name := db.config.ConnConfig.Database
	switch {
	case isMissing(failed, name):
		return true
	case !poolerAlone(failed):
		return false
	}
	there, err := among(ctx, db.config.ConnConfig, []string{name})
	return err == nil && !there[name]
}

// beside connects to the maintenance database of the same server.
func (db *DB) beside(ctx context.Context, f func(*pgx.Conn) error) error {
	config := db.config.ConnConfig.Copy()
	config.Database = maintenance
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return f(conn)
}

func (db *DB) serverVersion(ctx context.Context) (version string, err error) {
	err = db.beside(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT current_setting('server_version_num')").Scan(&version)
	})
	return version, err
}

// create makes the database where it is missing. Another process may be faster.
func (db *DB) create(ctx context.Context) error {
	db.connecting.Lock()
	defer db.connecting.Unlock()
	if !db.absent {
		return nil
	}
	err := db.beside(ctx, func(conn *pgx.Conn) error { return createDatabase(ctx, conn, db.config.ConnConfig.Database) })
	if err == nil {
		err = db.enter(ctx)
	}
	if err == nil {
		db.absent = false
	}
	return db.wrap(err)
}

// entry is how long a pooler may take to try a database again that was not there:
// twice the server_login_retry that PgBouncer has by itself.
const entry = 30 * time.Second

// enter waits for a database that was just made to let somebody in.
func (db *DB) enter(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, entry)
	defer cancel()
	for {
		err := db.pool.Ping(ctx)
		if !poolerAlone(err) && !isMissing(err, db.config.ConnConfig.Database) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func createDatabase(ctx context.Context, conn *pgx.Conn, name string) error {
	for try := range 10 {
		_, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
		var pg *pgconn.PgError
		if err == nil || !errors.As(err, &pg) {
			return err
		}
		switch pg.Code {
		case "42P04", "23505": // it is there now
			return nil
		case "55006": // somebody is in the template
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(try+1) * 50 * time.Millisecond):
			}
		default:
			return fmt.Errorf("it does not exist, and could not be made: %w", err)
		}
	}
	return errors.New("it does not exist, and could not be made: somebody stays connected to template1")
}

// missing reports whether there is no such database yet.
func (db *DB) missing() bool {
	db.connecting.Lock()
	defer db.connecting.Unlock()
	return db.absent
}
