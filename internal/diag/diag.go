// Package diag holds positions in source files and the diagnostics that point
// at them. It is shared by the packages that read what users write.
//
// A reader collects everything that is wrong with its input into a List and
// returns it whole; nobody wants to mend a file one error at a time.
//
// It does not print: how a diagnostic looks in a terminal is for the caller.
package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a file. Line and Column count from 1; a zero Line means
// the file as a whole. Column counts bytes, as compilers and editors do.
type Pos struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String returns "file:line:column", leaving out what is not known.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Compare orders positions by file, then line, then column.
func (p Pos) Compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// Severity says whether a diagnostic stops the run.
type Severity string

const (
	Error   Severity = "error"   // the input cannot be used
	Warning Severity = "warning" // the input can be used, but probably not as meant
)

// Diagnostic is one thing that is wrong, where it is, and what to do about it.
type Diagnostic struct {
	Pos      Pos      `json:"pos"`
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`           // stable, kebab-case: what scripts match on
	Message  string   `json:"message"`        // one sentence without a full stop
	Hint     string   `json:"hint,omitempty"` // what to do now, where there is something to say
}

// String returns the one-line form: "file:6:5: error[unknown-field]: message (hint)".
func (d Diagnostic) String() string {
	var b strings.Builder
	if pos := d.Pos.String(); pos != "" {
		b.WriteString(pos + ": ")
	}
	fmt.Fprintf(&b, "%s[%s]: %s", d.Severity, d.Code, d.Message)
	if d.Hint != "" {
		fmt.Fprintf(&b, " (%s)", d.Hint)
	}
	return b.String()
}

// List is every diagnostic of one reading. The zero value is ready to use.
type List []Diagnostic

// Errorf adds an error at pos.
func (l *List) Errorf(pos Pos, code, format string, args ...any) {
	*l = append(*l, Diagnostic{Pos: pos, Severity: Error, Code: code, Message: fmt.Sprintf(format, args...)})
}

// Warnf adds a warning at pos.
func (l *List) Warnf(pos Pos, code, format string, args ...any) {
	*l = append(*l, Diagnostic{Pos: pos, Severity: Warning, Code: code, Message: fmt.Sprintf(format, args...)})
}

// Hintf sets the hint of the diagnostic added last.
func (l List) Hintf(format string, args ...any) {
	l[len(l)-1].Hint = fmt.Sprintf(format, args...)
}

// Sort orders the list by position, then by code and message, and drops repeats.
func (l *List) Sort() {
	slices.SortStableFunc(*l, func(a, b Diagnostic) int {
		return cmp.Or(a.Pos.Compare(b.Pos), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
	*l = slices.Compact(*l)
}

// HasErrors reports whether anything in the list is an error.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Err returns the list as an error, sorted, or nil where it holds no error.
func (l List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	l.Sort()
	return l
}

// Error returns every diagnostic, a line each.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, d := range l {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}

// Suggest returns the candidate nearest to word, or "" where none is near
// enough to be what was meant: no more than a third of the word's letters and
// one more may differ.
func Suggest(word string, candidates []string) string {
	best, bestDistance := "", len(word)/3+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < bestDistance || d == bestDistance && best == "" {
			best, bestDistance = c, d
		}
	}
	return best
}

// didYouMean begins the hint of a word that was probably misspelt.
const didYouMean = "did you mean "

// DidYouMean returns the hint of a word where another was probably meant.
func DidYouMean(near string) string { return fmt.Sprintf("%s%q?", didYouMean, near) }

// Misspelt reports whether the diagnostic is of a word where another was probably
// meant.
func (d Diagnostic) Misspelt() bool { return strings.HasPrefix(d.Hint, didYouMean) }

// distance is the Levenshtein distance of a and b in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
