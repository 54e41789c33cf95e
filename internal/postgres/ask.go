package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tenantry/reconcile"
	"tenantry/schema"
)

// How long a target's rows are looked at for a probe, and for a wave's check.
const (
	askingTime   = "10s"
	checkingTime = "60s"
)

// Ask implements reconcile.Database: one round trip, and where one of the
// questions fails, one more for each.
func (db *DB) Ask(ctx context.Context, name string, questions []string) ([]reconcile.Answer, error) {
	answers, err := db.ask(ctx, name, questions)
	if err == nil || len(questions) == 1 {
		return answers, err
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return nil, err
	}
	answers = nil
	for _, q := range questions {
		one, err := db.ask(ctx, name, []string{q})
		if err != nil {
			return nil, err
		}
		answers = append(answers, one...)
	}
	return answers, nil
}

// ask asks all questions at once, in a transaction that changes nothing. Where
// there is only one, its failure is an answer.
func (db *DB) ask(ctx context.Context, name string, questions []string) ([]reconcile.Answer, error) {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return nil, db.wrap(err)
	}
	defer conn.Release()
	var list []string
	for _, q := range questions {
		list = append(list, "("+schema.Render(q, name)+")")
	}
	results, err := conn.Conn().PgConn().Exec(ctx, "BEGIN READ ONLY; SET LOCAL search_path = "+schema.QuoteIdent(name)+", public; SET LOCAL statement_timeout = '"+
		askingTime+"'; SET LOCAL lock_timeout = '1s'; SELECT "+strings.Join(list, ", ")+"; COMMIT").ReadAll()
	if err == nil {
		var answers []reconcile.Answer
		for _, value := range results[4].Rows[0] {
			answers = append(answers, yesOrNo(value))
		}
		return answers, nil
	}
	undoCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if undo := simple(undoCtx, conn.Conn(), "ROLLBACK"); undo != nil {
		conn.Conn().Close(undoCtx)
	}
	var pg *pgconn.PgError
	switch {
	case len(questions) > 1 || !errors.As(err, &pg):
		return nil, db.wrap(err)
	case strings.HasPrefix(pg.Code, "22"): // data exception
		return []reconcile.Answer{reconcile.AnswerRefused}, nil
	}
	return []reconcile.Answer{reconcile.AnswerUnknown}, nil
}

// Check implements reconcile.Database.
func (db *DB) Check(ctx context.Context, name, query string) error {
	var holds *bool
	err := pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := simple(ctx, tx.Conn(), "SET LOCAL search_path = "+schema.QuoteIdent(name)+", public; SET LOCAL statement_timeout = '"+checkingTime+"'"); err != nil {
			return err
		}
		return tx.QueryRow(ctx, schema.Render(query, name)).Scan(&holds)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return errors.New("it returned no row")
	case err != nil:
		return db.wrap(err)
	case holds == nil:
		return errors.New("it returned NULL")
	case !*holds:
		return errors.New("it returned false")
	}
	return nil
}

func yesOrNo(value []byte) reconcile.Answer {
	switch string(value) {
	case "t":
		return reconcile.AnswerYes
	case "f":
		return reconcile.AnswerNo
	}
	return reconcile.AnswerUnknown
}
