package schema

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
)

// What files destroy of what a schema held before them is not read from their
// text, which may rename, loop and call: the bench is asked what is left.

// A holder is a table of the bench, or a column of one, whatever it is called. A
// partition goes with the table that it is of, and its columns are those of that.
type holder struct{ table, column, of int64 }

// holds returns what may hold data on the bench, by what it is, with what is to be
// said once it is gone, under the name that it has now.
func (b *Bench) holds(ctx context.Context) (map[holder]Hazard, error) {
	rows, err := b.QueryContext(ctx, `SELECT c.oid::bigint, a.attnum::bigint, coalesce(i.inhparent, 0)::bigint, c.relname::text, a.attname::text
		FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid
		LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid AND c.relispartition
		CROSS JOIN LATERAL (
			SELECT 0::smallint AS attnum, '' AS attname UNION ALL
			SELECT attnum, attname FROM pg_catalog.pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND NOT c.relispartition) a
		WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_namespace'::regclass
			AND d.refobjid = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1) AND c.relkind IN ('r', 'p')`, b.Schema)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := make(map[holder]Hazard)
	for rows.Next() {
		var is holder
		var table, column string
		if err := rows.Scan(&is.table, &is.column, &is.of, &table, &column); err != nil {
			return nil, err
		}
		out[is] = loss(table, column)
	}
	return out, rows.Err()
}

// loss is the hazard of a table that is dropped, or of a column of it.
func loss(table, column string) Hazard {
	h := Hazard{Code: HazardDestructive, Message: fmt.Sprintf("drops the table %q with all its rows", table), Alternative: dropsIfEmpty, Table: schemaMark + "." + QuoteIdent(table)}
	if column != "" {
		h.Message, h.Column = fmt.Sprintf("drops the column %q of %q with all its values", column, table), QuoteIdent(column)
	}
	return h
}

// losing watches over what pending files leave of what there was before them.
type losing struct {
	bench *Bench
	held  map[holder]Hazard // what there was and is still there, by the name that it has
}

// mayLose has the words after which it is worth a look. What is lost without any
// of them, by a function say, is told of all that came since the last look.
var mayLose = regexp.MustCompile(`(?i)\b(DROP|TRUNCATE|DELETE)\b`)

func lookAfter(s Statement) bool { return !s.Transactional || mayLose.MatchString(s.SQL) }

// run runs the statements of a file on the bench, and returns what each destroys.
func (l *losing) run(ctx context.Context, r FileRun, templates []Statement) ([][]Hazard, error) {
	if err := l.bench.enter(ctx, l.bench.Schema); err != nil {
		return nil, err
	}
	out := make([][]Hazard, len(templates))
	for begin := 0; begin < len(templates); {
		end := begin + 1 // it alone, or those up to the next that is worth a look
		for !lookAfter(templates[begin]) && end < len(templates) && !lookAfter(templates[end]) {
			end++
		}
		emptied := l.emptied(templates[begin].SQL)
		if err := l.bench.runPart(ctx, r, begin, templates[begin:end]); err != nil {
			return nil, err
		}
		dropped, err := l.dropped(ctx)
		if err != nil {
			return nil, err
		}
		out[begin] = append(emptied, dropped...)
		begin = end
	}
	return out, nil
}

// dropped looks, and returns what is gone.
func (l *losing) dropped(ctx context.Context) (out []Hazard, err error) {
	now, err := l.bench.holds(ctx)
	if err != nil {
		return nil, err
	}
	left := make(map[holder]Hazard)
	var gone []holder
	tables := make(map[int64]bool) // which are gone as a whole
	for is := range l.held {
		if h, ok := now[is]; ok {
			left[is] = h
			continue
		}
		gone = append(gone, is)
		if is.column == 0 {
			tables[is.table] = true
		}
	}
	slices.SortFunc(gone, func(a, b holder) int {
		return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.column, b.column))
	})
	for _, is := range gone {
		if is.column == 0 && !tables[is.of] || is.column != 0 && !tables[is.table] {
			out = append(out, l.held[is])
		}
	}
	l.held = left
	return out, nil
}

// emptied returns what a statement throws away of the rows: all of those of
// tables, which is no more meant for each target than a DROP is. What it says of
// some rows is meant as it stands. What drops beyond the schema cannot be looked
// at.
func (l *losing) emptied(sql string) (out []Hazard) {
	t := clause(tokensOf(sql))
	for _, words := range [][]string{{"DROP", "OWNED"}, {"DROP", "EXTENSION"}} {
		if _, ok := t.starts(words...); ok {
			return StatementOf(sql).Hazards
		}
	}
	rest, ok := t.starts("TRUNCATE")
	if !ok {
		if rest, ok = t.starts("DELETE", "FROM"); !ok || rest.has("WHERE") {
			return nil
		}
		rest = rest.without("ONLY")[:1]
	}
	if rest.has("CASCADE") {
		return StatementOf(sql).Hazards // it takes tables along that it does not name
	}
	for _, name := range splitClauses(rest.without("TABLE")) {
		table := bareName(name.without("ONLY")[0])
		for is, h := range l.held {
			if is.column == 0 && h.Table == loss(table, "").Table {
				out = append(out, Hazard{Code: HazardDestructive, Message: fmt.Sprintf("throws away all rows of %q", table), Table: h.Table})
			}
		}
	}
	return out
}
