package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A server can stop answering without a connection breaking: its machine hangs,
// its disk is gone, something on the way forgets what it was to pass on. A limit
// on statements would not tell that from one that takes long, and rightly so. So
// while an answer is awaited, the server is asked now and then, in a session of its
// own, whether it still answers anybody. As long as it does, a statement may take
// as long as it likes.

// connectTimeout is how long it may take to connect where the URL has no
// connect_timeout. All other waits follow from that.
const connectTimeout = 10 * time.Second

// A vigil is kept over the connections to one server.
type vigil struct {
	config *pgconn.Config    // as it was: what it asks with is not watched itself
	lost   func(error) error // is told that a connection was given up, and returns what to say of it

	pause    time.Duration // before the server is asked
	patience time.Duration // how long it may say nothing to whoever comes
	longest  time.Duration // how long it may let people in, who may be waiting for a pooler's turn, or send them away

	begun  time.Time
	heard  atomic.Int64 // when something came from it, since begun
	asking sync.Mutex   // one at a time
}

// watch has connections made by the config be watched.
func watch(config *pgx.ConnConfig, lost func(error) error) *vigil {
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	t := config.ConnectTimeout
	v := &vigil{config: config.Config.Copy(), lost: lost, pause: t, patience: 6 * t, longest: 15 * t, begun: time.Now()}
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &watched{Conn: conn, vigil: v}, nil
	}
	return v
}

// devSilent says that a dev database does not answer.
func devSilent(silence error) error { return fmt.Errorf("dev database: %w", silence) }

func (v *vigil) now() time.Duration { return time.Since(v.begun) }
func (v *vigil) hear()              { v.heard.Store(int64(v.now())) }

// lastHeard returns when something last came from the server, or what was asked at
// last, since.
func (v *vigil) lastHeard(since time.Duration) time.Duration {
	return max(since, time.Duration(v.heard.Load()))
}

// look finds out whether the server answers, where one waits since then.
func (v *vigil) look(since time.Duration) (answers bool, silence error) {
	if heard := v.lastHeard(0); heard > 0 && v.now()-heard < v.pause {
		return true, nil
	}
	if !v.asking.TryLock() {
		return false, nil // another does
	}
	defer v.asking.Unlock()
	entered, err := v.ask(context.Background())
	if err == nil {
		v.hear()
		return true, nil
	}
	limit := v.longest
	if inVain(err) && !entered {
		limit = v.patience
	}
	if quiet := v.now() - v.lastHeard(since); quiet >= limit {
		return false, &silentError{quiet.Round(time.Second)}
	}
	return false, nil
}

// ask asks the server for any answer. entered says that it let somebody in.
func (v *vigil) ask(ctx context.Context) (entered bool, err error) {
	conn, err := pgconn.ConnectConfig(ctx, v.config.Copy())
	if err == nil {
		entered = true
		limited, cancel := context.WithTimeout(ctx, v.longest)
		defer cancel()
		_, err = conn.Exec(limited, "SELECT 1").ReadAll()
		defer conn.Close(limited)
	}
	var said *pgconn.PgError
	if errors.As(err, &said) { // that it lets nobody in is an answer
		return entered, nil
	}
	return entered, err
}

// A silentError says that the server does not answer any more. It is of the kind
// net.Error, as what else becomes of a connection is.
type silentError struct{ quiet time.Duration }

func (e *silentError) Error() string   { return fmt.Sprintf("it has not answered for %s", e.quiet) }
func (e *silentError) Timeout() bool   { return false } // which is one after which a connection can be used
func (e *silentError) Temporary() bool { return false }

// watched is a connection that is given up where the server does not answer.
type watched struct {
	net.Conn
	vigil *vigil
	heard atomic.Int64 // when something came by it, since the vigil begun

	mu      sync.Mutex
	silence error
}

func (c *watched) Read(b []byte) (int, error) {
	w := c.wait()
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.vigil.hear()
		c.heard.Store(int64(c.vigil.now()))
	}
	return n, w.end(err)
}

func (c *watched) Write(b []byte) (int, error) {
	w := c.wait()
	n, err := c.Conn.Write(b)
	return n, w.end(err)
}

// A wait is one for the other end of a connection.
type wait struct {
	conn  *watched
	since time.Duration
	pause time.Duration
	timer *time.Timer
	ended bool
}

func (c *watched) wait() *wait {
	w := &wait{conn: c, since: c.vigil.now(), pause: c.vigil.pause}
	c.mu.Lock()
	defer c.mu.Unlock()
	w.timer = time.AfterFunc(w.pause, w.look)
	return w
}

// look gives the connection up where the server does not answer, and else looks
// again later; the more seldom, the longer it takes.
func (w *wait) look() {
	answers, silence := w.conn.vigil.look(w.since)
	w.conn.mu.Lock()
	defer w.conn.mu.Unlock()
	switch {
	case w.ended:
	case silence != nil:
		w.conn.silence = silence
		w.conn.Conn.Close()
	case answers:
		w.pause = min(2*w.pause, w.conn.vigil.patience)
		w.timer.Reset(w.pause)
	default:
		w.pause = w.conn.vigil.pause
		w.timer.Reset(w.pause)
	}
}

// end ends the wait, and returns what its error means.
func (w *wait) end(err error) error {
	w.conn.mu.Lock()
	defer w.conn.mu.Unlock()
	w.ended = true
	w.timer.Stop()
	if err == nil || w.conn.silence == nil {
		return err
	}
	return w.conn.vigil.lost(w.conn.silence)
}

// An absence is a database's that does not answer. Who wants something of it is
// told so at once, and does not wait for what others have waited for.
type absence struct {
	err   *Error
	until time.Time // of one of very many: they are tried again, and not asked all the time
}

// lose notes that the database does not answer, until it does.
func (db *DB) lose(err *Error) {
	a := &absence{err, time.Now().Add(db.vigil.pause)}
	if db.each {
		db.absence.Store(a)
	} else if db.absence.CompareAndSwap(nil, a) {
		go db.awaitReturn()
	}
	db.pool.Reset() // its connections lead nowhere
}

// silent is lose where connections were there.
func (db *DB) silent(silence error) error {
	err := &Error{Database: db.name, Address: db.address(), Connecting: true, Err: silence}
	db.lose(err)
	return err
}

func (db *DB) awaitReturn() {
	for {
		select {
		case <-db.life.Done():
			return
		case <-time.After(db.vigil.pause / 10):
		}
		if _, err := db.vigil.ask(db.life); err == nil {
			db.absence.Store(nil)
			return
		}
	}
}

// answers returns why the database is not worth asking, or nil.
func (db *DB) answers() error {
	a := db.absence.Load()
	if a == nil || db.each && time.Now().After(a.until) {
		return nil
	}
	return a.err
}

// prepare looks whether a connection that nothing came by for a while still leads
// to the server. If it does not, the others that are idle hardly do.
func (db *DB) prepare(ctx context.Context, conn *pgx.Conn) (sound bool, err error) {
	if err := db.answers(); err != nil {
		return false, err
	}
	c, ok := under(conn.PgConn().Conn()).(*watched)
	if ok && c.vigil.now()-time.Duration(c.heard.Load()) < time.Second {
		return true, nil
	}
	limited, cancel := context.WithTimeout(ctx, db.vigil.pause)
	defer cancel()
	if err := conn.Ping(limited); err != nil {
		if limited.Err() != nil {
			db.pool.Reset()
		}
		return false, ctx.Err()
	}
	return true, nil
}

// under returns the connection that TLS is spoken over, if it is.
func under(conn net.Conn) net.Conn {
	if t, ok := conn.(*tls.Conn); ok {
		return t.NetConn()
	}
	return conn
}
