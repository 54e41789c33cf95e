package schema

import (
	"context"
	"regexp"
	"strings"
)

// Enums that only gain values are grown before anything else is planned. A value
// that was added cannot be used before it is committed (see
// https://www.postgresql.org/docs/current/sql-altertype.html#SQL-ALTERTYPE-NOTES),
// which a workbench never is: so what uses it is planned for a copy of the schema
// that has the value already.

// grow returns the statements that add to the enums among the lines what they
// lack of those wanted, and makes the lines those of the schema then. It tries
// them on the bench.
func (b *Bench) grow(ctx context.Context, lines *[]Line, want []Line) ([]Statement, error) {
	statements, grown := growth(b.Schema, *lines, want)
	if len(statements) == 0 {
		return nil, nil
	}
	if _, _, err := b.rebuild(ctx, *lines); err != nil {
		return nil, err
	}
	if err := b.run(ctx, b.Schema, statements); err != nil {
		return nil, err
	}
	built, err := b.lines(ctx)
	if err != nil {
		return nil, err
	}
	var failed []Difference
	for _, d := range Differences(built, grown) {
		if d.Kind == KindEnum {
			failed = append(failed, d)
		}
	}
	if len(failed) > 0 {
		return nil, &RebuildError{Differences: failed}
	}
	*lines = grown
	return statements, nil
}

func growth(schema string, lines, want []Line) (statements []Statement, grown []Line) {
	wanted := make(map[string]string)
	for _, l := range want {
		if l.Kind == KindEnum {
			wanted[l.Name] = l.Definition
		}
	}
	for _, l := range lines {
		if to, ok := wanted[l.Name]; ok && l.Kind == KindEnum && to != l.Definition {
			if added, ok := addedValues(valuesOf(l.Definition), valuesOf(to)); ok {
				for _, a := range added {
					sql := "ALTER TYPE " + QuoteIdent(schema) + "." + QuoteIdent(l.Name) + " ADD VALUE " + a
					statements = append(statements, Statement{SQL: sql, Comment: "grow the enum before its new values are used", Transactional: true})
				}
				l.Definition = to
			}
		}
		grown = append(grown, l)
	}
	return statements, grown
}

var sqlString = regexp.MustCompile(`E?'(?:[^']|'')*'`)

// valuesOf returns the values of an enum's line, as SQL literals.
func valuesOf(definition string) []string { return sqlString.FindAllString(definition, -1) }

// addedValues returns what follows ADD VALUE for each value to be added, or
// false where that does not do: a value goes, or changes its place.
func addedValues(have, want []string) (added []string, ok bool) {
	for i, v := range want {
		switch {
		case len(have) > 0 && have[0] == v:
			have = have[1:]
		case i > 0:
			added = append(added, v+" AFTER "+want[i-1])
		case len(have) > 0:
			added = append(added, v+" BEFORE "+have[0])
		default:
			added = append(added, v)
		}
	}
	return added, len(have) == 0
}

// committed returns the growth as it is to be run before the statements: on its
// own and committed, where one of them may use a value that it adds.
func committed(growth, statements []Statement) []Statement {
	var out []Statement
	alone := false
	for _, g := range growth {
		_, added, _ := strings.Cut(g.SQL, " ADD VALUE ")
		value := strings.TrimSuffix(strings.TrimPrefix(sqlString.FindString(strings.TrimPrefix(added, "E")), "'"), "'")
		word := regexp.MustCompile(`(?:^|\W)` + regexp.QuoteMeta(value) + `(?:\W|$)`)
		for _, s := range statements {
			alone = alone || word.MatchString(s.SQL)
		}
	}
	for _, g := range growth {
		g.Transactional = !alone
		out = append(out, g)
	}
	return out
}
