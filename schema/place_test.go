package schema

import (
	"errors"
	"strings"
	"testing"
)

// stoppedAt is an error at a character.
type stoppedAt int

func (stoppedAt) Error() string    { return "no" }
func (s stoppedAt) Character() int { return int(s) }

// In each case > stands before what the server points at, in what was sent, and
// before what is to be told, in what was written.
func TestWhatIsRefusedIsToldWithItsPlace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ sent, written string }{
		"a word":                          {"CREATE VIEW b AS\n SELECT >y FROM a", "CREATE VIEW b AS\n SELECT >y FROM a;"},
		"the second of its kind":          {"SELECT y FROM x.y, >y", "SELECT y FROM ${s}.y, >y"},
		"behind a name that is longer":    {`CREATE TABLE "tenantry_scratch_t"."a" (id >intt)`, "CREATE TABLE a (id >intt)"},
		"behind letters of two bytes":     {"SELECT 'ää', >y", "SELECT 'ää', >y"},
		"an operator":                     {"SELECT 1 >~ 2", "SELECT 1 >~ 2"},
		"the end":                         {"SELECT 1 +>", ">SELECT 1 +"},
		"a word that is there twice":      {"SELECT >x", ">SELECT x + x"},
		"a word that is not there":        {"SELECT >tenant_a", ">SELECT ${s}"},
		"HCL":                             {`CREATE TABLE "a" (CHECK (>idd > 0))`, "table \"a\" {\n  check \"c\" {\n    expr = \">idd > 0\"\n  }\n}"},
		"CONCURRENTLY, which is left out": {"CREATE INDEX i ON a (>y)", "CREATE INDEX CONCURRENTLY i ON a (>y)"},
	} {
		cut := func(marked string) (text string, at int) {
			before, after, _ := strings.Cut(marked, ">")
			return before + after, len(before)
		}
		sent, at := cut(c.sent)
		written, want := cut(c.written)
		s := source{path: "a", data: []byte("before;\n" + written + "\nafter;")}
		part := span{len("before;\n"), len("before;\n" + written)}
		failed := &StatementError{Statement: Statement{SQL: sent, Transactional: true}, Err: errors.Join(stoppedAt(len([]rune(sent[:at])) + 1))}
		if got, want := s.placeOf(failed, part), s.posAt(part.begin+want); got != want {
			t.Errorf("%s: told at %s, want %s", name, got, want)
		}
		failed.Err = errors.New("nowhere")
		if got := s.placeOf(failed, part); got != s.posAt(part.begin) {
			t.Errorf("%s: without a place it is told at %s", name, got)
		}
	}
}
