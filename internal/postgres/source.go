package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// rowsTimeout bounds how long a source may take to answer.
const rowsTimeout = 30 * time.Second

// Rows runs a query that reads and returns its rows, the values of each column
// by name as JSON has them. It may change nothing: its transaction is read-only.
func (db *DB) Rows(ctx context.Context, query string) (out []map[string]any, err error) {
	err = db.reading(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT set_config('statement_timeout', $1, true)", fmt.Sprintf("%dms", rowsTimeout.Milliseconds())); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "SELECT to_jsonb(tenant) FROM (\n"+query+"\n) tenant")
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (map[string]any, error) {
			var text []byte
			if err := row.Scan(&text); err != nil {
				return nil, err
			}
			d := json.NewDecoder(bytes.NewReader(text))
			d.UseNumber()
			var columns map[string]any
			return columns, d.Decode(&columns)
		})
		return err
	})
	return out, db.wrap(err)
}

// The waits between attempts to listen.
const (
	listenSoonest = 200 * time.Millisecond
	listenLatest  = 30 * time.Second
)

// Listen calls told whenever one of the channels is notified, and whenever it
// has begun to listen, for then something may have been missed. It needs a
// session of its own, which a pooler in transaction mode does not give: there
// nothing is told of. It ends with the context; failed is told of what keeps it
// from listening, which it tries again after a while.
func (db *DB) Listen(ctx context.Context, channels []string, told func(), failed func(error)) {
	for wait := listenSoonest; ; wait = min(2*wait, listenLatest) {
		heard, err := db.listen(ctx, channels, told)
		if ctx.Err() != nil {
			return
		}
		failed(db.wrap(err))
		if heard {
			wait = listenSoonest
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// listen listens until that is not possible any more. heard says that it was.
func (db *DB) listen(ctx context.Context, channels []string, told func()) (heard bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, db.config.ConnConfig.Copy())
	if err != nil {
		return false, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, channel := range channels {
		if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
			return false, err
		}
	}
	for {
		told()
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return true, err
		}
	}
}
