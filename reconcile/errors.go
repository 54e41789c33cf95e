package reconcile

import (
	"errors"
	"fmt"
	"strings"

	"tenantry/schema"
)

// ErrBusy says that another process is at work on the target.
var ErrBusy = errors.New("another run is at work on it")

// ErrAlready says that the target is what the step leads to already: another run
// was faster.
var ErrAlready = errors.New("another run has done it")

// A StaleError says that a target is not what the plan was made from.
type StaleError struct{ Key Key }

func (e *StaleError) Error() string {
	return fmt.Sprintf("%s changed after it was observed; run again to plan anew", e.Key)
}

// A NotConvergedError says that a step did not end in what was proven on the
// workbench, and was rolled back.
type NotConvergedError struct {
	Key         Key
	Have        string // the fingerprint that came out
	Want        string
	Differences []schema.Difference // from what was proven, where that is known
}

func (e *NotConvergedError) Error() string {
	message := fmt.Sprintf("the statements ran, but %s was not what the plan had proven, and was rolled back", e.Key)
	for i, d := range e.Differences {
		if i == 3 {
			return fmt.Sprintf("%s; and %d more", message, len(e.Differences)-i)
		}
		message += "; " + d.String()
	}
	return message
}

// A NotEmptyError says that a destructive statement was allowed only where it
// destroys nothing, and would have.
type NotEmptyError struct {
	Key    Key
	Hazard schema.Hazard
}

func (e *NotEmptyError) Error() string {
	return fmt.Sprintf("%s in %s, which is not empty; allow it with --allow-destructive", e.Hazard.Message, e.Key)
}

// A StatementError is a statement that PostgreSQL refused.
type StatementError struct {
	Key Key
	SQL string
	Err error
}

func (e *StatementError) Error() string {
	sql, rest, more := strings.Cut(e.SQL, "\n")
	if more && strings.TrimSpace(rest) != "" {
		sql += " …"
	}
	return fmt.Sprintf("%s: %v; at: %s", e.Key, e.Err, sql)
}

func (e *StatementError) Unwrap() error { return e.Err }
