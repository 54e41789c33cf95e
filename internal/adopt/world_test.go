package adopt_test

import (
	"context"
	"database/sql"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// exec runs SQL as superuser, several statements at once.
func (w *world) exec(text string) {
	w.t.Helper()
	db, err := sql.Open("pgx", w.url+"&default_query_exec_mode=simple_protocol")
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), text); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
}
