package postgres

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Many small transactions go fastest as one text: the server then reads, parses
// and answers once. A file that stops it stops what follows, which is what is
// wanted.

// sendInline sends the batch as one text with its arguments written into it, and
// returns which query failed, if one did. It reads no answers.
func (t *transaction) sendInline(ctx context.Context) (failed int, err error) {
	t.batch.Queue("COMMIT")
	var text strings.Builder
	for _, q := range t.batch.QueuedQueries {
		sql, err := inlined(q)
		if err != nil {
			return -1, err
		}
		text.WriteString(sql)
		text.WriteString("\n;\n") // on a line of its own: a statement may end in a comment
	}
	conn, err := t.db.pool.Acquire(ctx)
	if err != nil {
		return -1, t.db.wrap(err)
	}
	defer conn.Release()
	defer t.db.rollBack(ctx, conn)
	wear(conn.Conn(), t.batch.Len())
	answers := conn.Conn().PgConn().Exec(ctx, text.String())
	for answers.NextResult() {
		if _, err := answers.ResultReader().Close(); err == nil {
			failed++
		}
	}
	if err = answers.Close(); err == nil {
		return -1, nil
	}
	return failed, t.refusal(failed, err)
}

// argument matches the place of an argument in a query of ours.
var argument = regexp.MustCompile(`\$[0-9]+`)

// inlined returns a query with its arguments in it.
func inlined(q *pgx.QueuedQuery) (sql string, err error) {
	if len(q.Arguments) == 0 { // a file's, perhaps, and what looks like an argument is a part of it
		return q.SQL, nil
	}
	sql = argument.ReplaceAllStringFunc(q.SQL, func(place string) string {
		n, _ := strconv.Atoi(place[1:])
		text, failed := inline(q.Arguments[n-1])
		if failed != nil {
			err = failed
		}
		return text
	})
	return sql, err
}

// inline writes a value as SQL.
func inline(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "NULL", nil
	case string:
		return inlineText(v), nil
	case *string:
		if v == nil {
			return "NULL::text", nil
		}
		return inlineText(*v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case *time.Time:
		if v == nil {
			return "NULL::timestamptz", nil
		}
		return inlineText(v.Format(time.RFC3339Nano)) + "::timestamptz", nil
	case []string:
		if v == nil {
			return "NULL::text[]", nil
		}
		var parts []string
		for _, s := range v {
			parts = append(parts, inlineText(s))
		}
		return "ARRAY[" + strings.Join(parts, ", ") + "]::text[]", nil
	}
	return "", fmt.Errorf("a value of type %T cannot be written into a query", value)
}

// inlineText quotes a text so that no setting changes what it means.
func inlineText(s string) string {
	return "E'" + quotedText.Replace(s) + "'"
}

var quotedText = strings.NewReplacer(`\`, `\\`, `'`, `''`, "\x00", "")
