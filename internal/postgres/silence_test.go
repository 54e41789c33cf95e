package postgres

import (
	"context"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"tenantry/internal/pgtest"
)

// impatient returns a database that soon gives up on a server that does not
// answer at all.
func impatient(t *testing.T, at string) *DB {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("connect_timeout", "1")
	u.RawQuery = query.Encode()
	db, err := New(context.Background(), "eu", u.String(), 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	db.vigil.pause, db.vigil.patience, db.vigil.longest = 100*time.Millisecond, 1500*time.Millisecond, 2*time.Second
	return db
}

// mustSay fails the test unless the error says that the database does not answer.
func mustSay(t *testing.T, db *DB, err error, words string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), "database eu ("+db.address()+"): ") || !strings.Contains(err.Error(), words) {
		t.Errorf("it says %v, want %q", err, words)
	}
	if !db.Gone(err) {
		t.Errorf("it is not gone: %v", err)
	}
}

func observed(db *DB) error {
	_, err := db.Observe(context.Background(), []string{"public"}, true)
	return err
}

// Whatever waits for a server that stops answering is told so, and who comes after
// does not wait any more; when it answers again it is used again.
func TestAServerThatStopsAnsweringAndComesBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	relay := pgtest.NewRelay(t, pgtest.URL(t))
	db := impatient(t, relay.URL())
	if err := db.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	if err := db.Prepare(ctx); err != nil {
		t.Fatal(err)
	}
	begun := make(chan error, 2)
	for _, wait := range []func() error{
		func() error { _, err := db.pool.Exec(ctx, "SELECT pg_sleep(3600)"); return db.wrap(err) },
		func() error {
			wb, err := db.Workbench(ctx)
			if err == nil {
				defer wb.Close()
				_, err = wb.ExecContext(ctx, "SELECT pg_sleep(3600)")
			}
			return db.wrap(err)
		},
	} {
		go func() { begun <- wait() }()
	}
	for asleep := 0; asleep < 2; time.Sleep(10 * time.Millisecond) {
		if err := db.pool.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'").Scan(&asleep); err != nil {
			t.Fatal(err)
		}
	}
	relay.Hang()
	for range 2 {
		mustSay(t, db, <-begun, "it has not answered for")
	}
	mustSay(t, db, observed(db), "")
	relay.Resume()
	for err := observed(db); err != nil; err = observed(db) {
		mustSay(t, db, err, "")
		time.Sleep(10 * time.Millisecond)
	}
}

// One that takes connections and says nothing is known by name before anything
// was asked of it, and so is one of very many, which nobody asks all the time.
func TestAServerThatNeverAnswers(t *testing.T) {
	t.Parallel()
	relay := pgtest.NewRelay(t, pgtest.URL(t))
	relay.Hang()
	for _, each := range []bool{false, true} {
		db := impatient(t, relay.URL())
		db.each = each
		mustSay(t, db, db.Connect(context.Background()), "cannot connect: no answer in time")
		mustSay(t, db, observed(db), "cannot connect: no answer in time")
	}
	relay.Resume()
	db := impatient(t, relay.URL())
	db.each = true
	for err := db.Connect(context.Background()); err != nil; err = db.Connect(context.Background()) {
		time.Sleep(10 * time.Millisecond)
	}
}

// One that lets everybody in and then says nothing does not answer either.
func TestAServerThatOnlyLetsIn(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				b := pgproto3.NewBackend(conn, conn)
				if _, err := b.ReceiveStartupMessage(); err != nil {
					return
				}
				b.Send(&pgproto3.AuthenticationOk{})
				b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
				_ = b.Flush()
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	db := impatient(t, "postgres://somebody@"+listener.Addr().String()+"/app?sslmode=disable")
	mustSay(t, db, db.Connect(context.Background()), "it has not answered for")
	other := impatient(t, "postgres://somebody@"+listener.Addr().String()+"/app?sslmode=disable")
	other.version = 17_00_00
	mustSay(t, other, observed(other), "it has not answered for")
}

// What takes long is waited for as long as the server answers others, and so does
// a run whose statements take long.
func TestAStatementThatTakesLongIsWaitedFor(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := impatient(t, pgtest.NewRelay(t, pgtest.URL(t)).URL())
	if err := db.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := db.pool.Exec(ctx, "SELECT pg_sleep(4)"); err != nil {
		t.Errorf("it was not waited for: %v", err)
	}
}
