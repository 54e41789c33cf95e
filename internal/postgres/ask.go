package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"tenantry/reconcile"
	"tenantry/schema"
)

// askingTime bounds how long a target's rows are looked at.
const askingTime = "10s"

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

func yesOrNo(value []byte) reconcile.Answer {
	switch string(value) {
	case "t":
		return reconcile.AnswerYes
	case "f":
		return reconcile.AnswerNo
	}
	return reconcile.AnswerUnknown
}
