package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tenantry/schema"
)

// devPrefix begins the names of the databases that are made on a dev server.
const devPrefix = "tenantry_dev_"

// Dev is a dev server. A session lock on its name says of each database that it
// is in use: whoever comes after a process that was killed drops what that has
// left. (Nothing else of Tenantry relies on a session. This one is of ours, to a
// server that is for trying things out.)
type Dev struct {
	url   *url.URL
	major int

	mu   sync.Mutex // for conn
	conn *pgx.Conn
}

// OpenDev connects to the dev server that a URL names. The role must be allowed
// to create databases there.
func OpenDev(ctx context.Context, address string) (*Dev, error) {
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		return nil, errors.New("dev database: its URL does not begin with postgres://")
	}
	query := u.Query()
	query.Del("search_path") // Atlas would keep to that schema
	u.RawQuery = query.Encode()
	d := &Dev{url: u}
	config, err := d.config(u)
	if err != nil {
		return nil, err
	}
	if d.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("dev database: %s", connectReason(err))
	}
	if err := d.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("dev database: %s", Message(err)), d.Close())
	}
	return d, nil
}

func (d *Dev) config(u *url.URL) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, errors.New("dev database: its URL is not one that PostgreSQL understands")
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.RuntimeParams["application_name"] = "tenantry"
	watch(config, devSilent)
	return config, nil
}

// prepare learns the server's version and drops what killed processes have left.
func (d *Dev) prepare(ctx context.Context) error {
	if err := d.conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int / 10000").Scan(&d.major); err != nil {
		return err
	}
	rows, err := d.conn.Query(ctx, abandoned, devPrefix)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		_, err := d.conn.Exec(ctx, "DROP DATABASE IF EXISTS "+schema.QuoteIdent(name)+" WITH (FORCE)")
		var pg *pgconn.PgError
		if err != nil && !errors.As(err, &pg) { // else another role owns it, or another process drops it
			return err
		}
	}
	return nil
}

// abandoned lists the databases that no session holds. Advisory locks belong to
// the database that the session is in, which may be any: so it asks pg_locks, which
// shows those of all, and not for the lock. A database is held from before it is
// made until after it is dropped, and its name never comes again.
const abandoned = `SELECT datname FROM pg_database WHERE starts_with(datname, $1) AND NOT EXISTS (
	SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted
		AND (classid::bigint << 32) | objid::bigint = hashtextextended(datname, 0)) ORDER BY datname`

// Major implements schema.DevServer.
func (d *Dev) Major() int { return d.major }

// Close lets go of the server.
func (d *Dev) Close() error { return d.conn.Close(context.Background()) }

// Database implements schema.DevServer.
func (d *Dev) Database(ctx context.Context, extensions []string) (schema.DevDatabase, error) {
	name := devPrefix + strings.ToLower(rand.Text()[:12])
	u := *d.url
	u.Path = "/" + name
	db := &devDatabase{dev: d, name: name, url: &u}
	if err := d.make(ctx, name); err != nil {
		return nil, fmt.Errorf("dev database: %s", Message(err))
	}
	if err := db.extend(ctx, extensions); err != nil {
		return nil, errors.Join(fmt.Errorf("dev database: %s", Message(err)), db.Drop(ctx))
	}
	return db, nil
}

// make makes a database. It is not interrupted: that would cost the connection,
// and with it every lock.
func (d *Dev) make(ctx context.Context, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if _, err := d.conn.Exec(ctx, "SELECT pg_advisory_lock(hashtextextended($1, 0))", name); err != nil {
		return err
	}
	_, err := d.conn.Exec(ctx, "CREATE DATABASE "+schema.QuoteIdent(name)+" TEMPLATE template0")
	return err
}

// devDatabase is a database of a Dev.
type devDatabase struct {
	dev  *Dev
	name string
	url  *url.URL
}

// extend creates the extensions that the server has.
func (db *devDatabase) extend(ctx context.Context, extensions []string) error {
	if len(extensions) == 0 {
		return nil
	}
	config, err := db.dev.config(db.url)
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, name := range extensions {
		var available bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = $1)", name).Scan(&available)
		if err == nil && available {
			_, err = conn.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS "+schema.QuoteIdent(name)+" CASCADE")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// URL implements schema.DevDatabase.
func (db *devDatabase) URL() string { return db.url.String() }

// Workbench implements schema.DevDatabase.
func (db *devDatabase) Workbench(ctx context.Context) (schema.DevWorkbench, error) {
	config, err := db.dev.config(db.url)
	if err != nil {
		return nil, err
	}
	wb, err := openWorkbench(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("dev database: %s", Message(err))
	}
	return &devWorkbench{wb}, nil
}

// Drop implements schema.DevDatabase.
func (db *devDatabase) Drop(ctx context.Context) error {
	db.dev.mu.Lock()
	defer db.dev.mu.Unlock()
	ctx = context.WithoutCancel(ctx)
	if _, err := db.dev.conn.Exec(ctx, "DROP DATABASE IF EXISTS "+schema.QuoteIdent(db.name)+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("dev database: %s", Message(err))
	}
	_, err := db.dev.conn.Exec(ctx, "SELECT pg_advisory_unlock(hashtextextended($1, 0))", db.name)
	return err
}

// devWorkbench is a workbench whose work can be made to stay.
type devWorkbench struct{ *workbench }

// Commit implements schema.DevWorkbench. What the workbench has of its own goes.
func (wb *devWorkbench) Commit() error {
	if _, err := wb.Tx.Exec("DROP SCHEMA " + wb.lookers + " CASCADE"); err != nil {
		return err
	}
	return wb.Tx.Commit()
}
