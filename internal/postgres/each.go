package postgres

import (
	"context"
	"errors"
	"fmt"
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

// isMissing reports whether the error says that there is no such database.
func isMissing(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "3D000"
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
		db.absent = false
	}
	return db.wrap(err)
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
