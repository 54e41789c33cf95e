package pgtest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Several sessions of the pooler share one of the server: what one sets, it does
// not find again once its transaction is over.
func TestPooledIsInTransactionMode(t *testing.T) {
	t.Parallel()
	url := Pooled(t, URL(t))
	ctx := context.Background()
	var conns []*pgx.Conn
	for range 2 {
		config, err := pgx.ParseConfig(url)
		if err != nil {
			t.Fatal(err)
		}
		config.DefaultQueryExecMode = pgx.QueryExecModeExec
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		conns = append(conns, conn)
	}
	pid := func(conn *pgx.Conn) (n int) {
		if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if a, b := pid(conns[0]), pid(conns[1]); a != b {
		t.Errorf("two idle clients have servers of their own: %d, %d", a, b)
	}
}
