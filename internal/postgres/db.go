// Package postgres is everything that speaks to PostgreSQL: connections, the
// catalog queries behind fingerprints and tokens, the transaction that applies
// a step to a target, and the control schema "tenantry".
//
// It implements what package reconcile asks for and decides nothing. No type of
// pgx leaves it. Nothing in it relies on a session: every setting is local to a
// transaction, locks are transaction locks, and no statement stays prepared, so
// that it works through PgBouncer in transaction mode.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DB is one managed database.
type DB struct {
	name   string
	config *pgxpool.Config
	pool   *pgxpool.Pool

	benches *sql.DB // the connections of workbenches

	guards chan struct{} // a slot for each of the locks that may be held at once while their holders ask for another connection

	citus citus
	each  bool // one of very many, made when it is missing

	vigil   *vigil
	absence atomic.Pointer[absence] // nil while it answers
	life    context.Context         // until Close
	end     context.CancelFunc

	connecting sync.Mutex
	absent     bool // there is no such database yet
	version    int  // server_version_num; 0 before Connect
	identity   atomic.Pointer[string]
	functions  functions
	ready      atomic.Bool // the functions of the control schema are known to be there
}

// oldest is the lowest server_version_num that is supported.
const oldest = 14_00_00

// Open is New and Connect.
func Open(ctx context.Context, name, url string, connections int) (*DB, error) {
	db, err := New(ctx, name, url, connections)
	if err != nil {
		return nil, err
	}
	if err := db.Connect(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// New returns a database that is not connected to yet. The name is the one that
// the user gave it, and stands in every error; the URL's password stands in none.
func New(ctx context.Context, name, url string, connections int) (*DB, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database %s: its URL is not one that PostgreSQL understands", name)
	}
	config.MaxConns = int32(connections)
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // nothing stays prepared
	config.ConnConfig.StatementCacheCapacity = 0
	config.ConnConfig.DescriptionCacheCapacity = 0
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "tenantry"
	}
	db := &DB{name: name, config: config, guards: make(chan struct{}, max(1, connections/2))}
	db.life, db.end = context.WithCancel(context.Background())
	db.vigil = watch(config.ConnConfig, db.silent)
	config.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { return db.answers() }
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false } // prepare does
	config.PrepareConn = db.prepare
	config.AfterRelease = func(conn *pgx.Conn) bool { return !worn(conn) }
	if db.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("database %s: %w", name, err)
	}
	db.benches = openBenches(config.ConnConfig, connections)
	return db, nil
}

// Connect implements reconcile.Database: it learns the server's version, which is
// also the first thing to fail. Once that is known it does nothing.
func (db *DB) Connect(ctx context.Context) error {
	db.connecting.Lock()
	defer db.connecting.Unlock()
	if db.version != 0 && !db.absent {
		return nil
	}
	version, err := db.firstAnswer(ctx)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(version)
	if err != nil || number < oldest {
		return fmt.Errorf("database %s: PostgreSQL %d is too old: 14 is the oldest that is supported", db.name, number/10000)
	}
	if err := db.findCitus(ctx); err != nil {
		return err
	}
	db.functions, db.version = functionsFor(number), number
	return nil
}

// whoAreYou asks for the server's version and for what no other database has: when
// the server was started, to the microsecond, and the database's number in it.
const whoAreYou = `SELECT current_setting('server_version_num'),
	extract(epoch FROM pg_postmaster_start_time())::text || ' ' || (SELECT oid FROM pg_database WHERE datname = current_database())`

// firstAnswer asks for the server's version. Who lets people in and does not
// answer that is not waited for any longer.
func (db *DB) firstAnswer(ctx context.Context) (version string, err error) {
	limited, cancel := context.WithTimeout(ctx, db.vigil.patience)
	defer cancel()
	var identity string
	if err = db.pool.QueryRow(limited, whoAreYou).Scan(&version, &identity); err == nil {
		db.identity.Store(&identity)
	}
	if db.absent = db.each && db.isAbsent(limited, err); db.absent {
		version, err = db.serverVersion(limited)
	}
	if limited.Err() != nil && ctx.Err() == nil {
		err = db.silent(&silentError{db.vigil.patience})
	}
	return version, db.wrap(err)
}

// Close closes every connection.
func (db *DB) Close() {
	db.end()
	db.pool.Close()
	_ = db.benches.Close() // what is wrong with a connection that goes is nobody's concern
}

// Name returns the name that the user gave the database.
func (db *DB) Name() string { return db.name }

// Major implements reconcile.Database.
func (db *DB) Major() int { return db.version / 10000 }

// Identity implements reconcile.Database.
func (db *DB) Identity() string {
	if known := db.identity.Load(); known != nil {
		return *known
	}
	return ""
}

// Version returns the server's version as server_version_num has it: 150004.
func (db *DB) Version() int { return db.version }

// address says where the database is, without user or password.
func (db *DB) address() string {
	c := db.config.ConnConfig
	return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) + "/" + c.Database
}

// wrap says, once, which database an error comes from.
func (db *DB) wrap(err error) error {
	var wrapped *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrapped) && wrapped.Connecting:
		return wrapped // without what the driver says around it
	case wrapped != nil:
		return err
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) || poolerAlone(err) {
		e := &Error{Database: db.name, Address: db.address(), Connecting: true, Err: err}
		if inVain(err) {
			db.lose(e)
		}
		return e
	}
	var said *pgconn.PgError
	if absent := db.answers(); absent != nil && !errors.As(err, &said) {
		return absent // which is why the connection that it tells of is closed
	}
	return &Error{Database: db.name, Address: db.address(), Err: err}
}

// An Error is what PostgreSQL, or the way to it, said of a database.
type Error struct {
	Database   string // the name that the user gave it
	Address    string // host:port/database
	Connecting bool   // it was not reached
	Err        error
}

// Error returns one line: which database, what it said, and its hint.
func (e *Error) Error() string {
	var silence *silentError
	if errors.As(e.Err, &silence) {
		return fmt.Sprintf("database %s (%s): %s", e.Database, e.Address, silence)
	}
	if e.Connecting {
		return fmt.Sprintf("database %s (%s): cannot connect: %s", e.Database, e.Address, connectReason(e.Err))
	}
	return fmt.Sprintf("database %s: %s", e.Database, Message(e.Err))
}

func (e *Error) Unwrap() error { return e.Err }

// Message returns what PostgreSQL said in one line, with its detail and hint.
func Message(err error) string {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err.Error()
	}
	text := pg.Message
	if pg.Detail != "" {
		text += ": " + strings.ReplaceAll(pg.Detail, "\n", "; ")
	}
	if pg.Hint != "" {
		text += " (" + pg.Hint + ")"
	}
	return text + " [" + pg.Code + "]"
}

// connectReason leaves out the user, and the attempts that ended the same way.
func connectReason(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Message + " [" + pg.Code + "]"
	}
	if inVain(err) {
		return "no answer in time"
	}
	var network *net.OpError
	if errors.As(err, &network) {
		return network.Err.Error()
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.Error()
	}
	lines := strings.Split(err.Error(), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// inVain reports whether the error says that nothing answered for as long as was
// waited.
func inVain(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

// Retryable reports whether the same transaction may work if tried again: a lock
// that was not free, a deadlock, a serialization failure, a catalog row that
// another changed first, a connection that was lost.
func Retryable(err error) bool {
	var silence *silentError
	if errors.As(err, &silence) { // it was waited for long enough
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "55P03", "40P01", "40001", "57P01", "57P02", "57P03":
			return true
		case "XX000":
			return strings.Contains(pg.Message, "tuple concurrently updated")
		}
		return strings.HasPrefix(pg.Code, "08") || pg.Code == "53300"
	}
	var network net.Error
	return errors.As(err, &network) || pgconn.SafeToRetry(err) || errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "unexpected EOF") || strings.Contains(err.Error(), "conn closed")
}

// poolerAlone reports whether the error is a pooler's, which itself was reached and
// does not reach the server, or not in time: PgBouncer ends the connection, and says
// why in words.
func poolerAlone(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && saidByPooler(pg) &&
		(strings.Contains(pg.Message, "server_login_retry") || strings.Contains(pg.Message, "query_wait_timeout") || strings.Contains(pg.Message, "cannot connect to server"))
}

// saidByPooler reports whether a pooler ends a connection.
func saidByPooler(pg *pgconn.PgError) bool {
	return pg.Severity == "FATAL" && strings.HasPrefix(pg.Code, "08")
}

// Gone implements reconcile.Database: the database is not reached, or may only be
// read. A connection that broke says nothing of the next.
func (db *DB) Gone(err error) bool {
	var ours *Error
	var pg *pgconn.PgError
	return errors.As(err, &ours) && ours.Connecting || errors.As(err, &pg) && pg.Code == readOnly
}

// readOnly is the SQLSTATE of what is refused on a standby, and where
// default_transaction_read_only is on.
const readOnly = "25006"

func itoa(i int) string { return strconv.Itoa(i) }
