package schema

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tenantry/internal/diag"
)

// Where a statement that PostgreSQL refuses stands in what somebody wrote. The
// server tells at which character of the statement it stopped; but what was sent is
// not quite what was written, for names have been put in, and HCL is no SQL at all.

// A complaint is an error of a workbench that knows where in the statement it came
// up.
type complaint interface {
	error
	Character() int // counted from 1; 0 is nowhere
}

// A span is a part of a text, in bytes.
type span struct{ begin, end int }

// posAt returns the place of a byte of the source.
func (s source) posAt(at int) diag.Pos {
	before := string(s.data[:min(max(at, 0), len(s.data))])
	return diag.Pos{File: s.path, Line: strings.Count(before, "\n") + 1, Column: len(before) - strings.LastIndex(before, "\n")}
}

// placeOf returns the place of what is wrong with a statement that was made of a
// part of the source: the word that the server points at, where the part has that
// as often as the statement, and else the beginning of the part.
func (s source) placeOf(failed *StatementError, part span) diag.Pos {
	sent := inTransaction(failed.Statement)
	word, at := wordAt(sent, failed.character())
	there, here := placesOf(word, sent), placesOf(word, string(s.data[part.begin:part.end]))
	if i := slices.Index(there, at); i >= 0 && len(there) == len(here) {
		return s.posAt(part.begin + here[i])
	}
	return s.posAt(part.begin)
}

// character returns where in the statement the error came up, or 0.
func (e *StatementError) character() int {
	var c complaint
	if errors.As(e.Err, &c) {
		return c.Character()
	}
	return 0
}

// anyWord matches what a server points at: a word or a sign.
var anyWord = regexp.MustCompile(`[\pL\pN_$]+|\S`)

// wordAt returns the word that begins at a character, counted from 1, and its place.
func wordAt(sql string, character int) (word string, at int) {
	for at := range sql {
		if character--; character == 0 {
			return anyWord.FindString(sql[at:]), at
		}
	}
	return "", -1
}

// placesOf returns where a word stands in a text.
func placesOf(word, text string) (out []int) {
	for _, at := range anyWord.FindAllStringIndex(text, -1) {
		if text[at[0]:at[1]] == word {
			out = append(out, at[0])
		}
	}
	return out
}

// placed says of an error about a statement of the blueprint where that stands, if
// it can be told.
func (b *Blueprint) placed(bench *Bench, err error) error {
	var failed *StatementError
	if !errors.As(err, &failed) {
		return err
	}
	if pos, ok := b.placeInSQL(bench, failed); ok {
		return &placedError{pos, failed}
	}
	if pos, ok := b.placeInHCL(bench, failed); ok {
		return &placedError{pos, failed}
	}
	return err
}

// A placedError is an error and the place in a source that it is about.
type placedError struct {
	pos    diag.Pos
	failed *StatementError
}

// Error says what is wrong before the statement, which may be long.
func (e *placedError) Error() string {
	return fmt.Sprintf("%s: %v, in: %s", e.pos, e.failed.Err, e.failed.Statement.SQL)
}

func (e *placedError) Unwrap() error { return e.failed }

// PlaceOf returns the place in a source that an error of a Planner is about, if it
// knows of one.
func PlaceOf(err error) (pos diag.Pos, ok bool) {
	if e, ok := errors.AsType[*placedError](err); ok {
		return e.pos, true
	}
	return diag.Pos{}, false
}

// placeInSQL finds a statement in the SQL sources.
func (b *Blueprint) placeInSQL(bench *Bench, failed *StatementError) (diag.Pos, bool) {
	for _, s := range b.sources {
		if isHCL(s.path) {
			continue
		}
		statements, err := scan(string(s.data))
		if err != nil {
			continue
		}
		for _, stmt := range statements {
			if bench.sharedOnBench(sourceStatement(stmt)) == failed.Statement.SQL {
				return s.placeOf(failed, span{stmt.Pos, min(stmt.Pos+len(stmt.Text), len(s.data))}), true
			}
		}
	}
	return diag.Pos{}, false
}

// qualifiedName matches a name in a template that the target's schema qualifies.
var qualifiedName = regexp.MustCompile(`\{schema\}\."((?:[^"]|"")+)"`)

// placeInHCL finds the block that a statement was made of: that of the first name
// of the schema's own in it, a table mostly.
func (b *Blueprint) placeInHCL(bench *Bench, failed *StatementError) (diag.Pos, bool) {
	name := qualifiedName.FindStringSubmatch(templateOf(failed.Statement.SQL, bench))
	if name == nil {
		return diag.Pos{}, false
	}
	for _, s := range b.sources {
		for _, block := range s.blocks() {
			if labelOf(block) == strings.ReplaceAll(name[1], `""`, `"`) {
				return s.placeOf(failed, span{block.DefRange().Start.Byte, block.CloseBraceRange.End.Byte}), true
			}
		}
	}
	return diag.Pos{}, false
}
