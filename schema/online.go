package schema

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// The online form of a plan is for targets whose tables hold rows: nobody is
// kept from reading or writing while rows are looked at.
//
//   - A check or a foreign key is added NOT VALID, and validated in a transaction
//     of its own: https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES.
//   - NOT NULL is set once a validated check says so, which spares PostgreSQL the scan.
//   - Where atlas.hcl says so, indexes are built and dropped CONCURRENTLY, and a
//     unique constraint takes an index that was built so.
//
// It is made from the plain form's text and proven like it: what does not come to
// the same end is not used.

// stage is when a piece of the online form has its turn.
type stage int

const (
	stageMain     stage = iota // with everything else, in one transaction
	stageValidate              // in a transaction of its own
	stageFinish                // what the validated checks were for
	stageIndex                 // outside of a transaction
	stageAttach                // what the indexes were for
)

type piece struct {
	stage
	Statement
}

// onlineForm is a plan in the making.
type onlineForm struct {
	facts  facts
	policy DiffPolicy
	pieces []piece
	tables []string // the tables that it is for, as written
}

// online returns the online form of the plan and the tables that it is for; nil
// where there is none, or none that comes to the same end.
func (t *transition) online(ctx context.Context, plan *Transition) ([]Statement, []string, error) {
	form := onlineForm{facts: factsOf(t.from, t.to.Lines), policy: t.blueprint.Diff}
	for _, s := range plan.Statements {
		form.add(s)
	}
	if len(form.tables) == 0 {
		return nil, nil, nil
	}
	slices.Sort(form.tables)
	inPlace := statementsOf(form.pieces)
	slices.SortStableFunc(form.pieces, func(a, b piece) int { return cmp.Compare(a.stage, b.stage) })
	for _, statements := range [][]Statement{statementsOf(form.pieces), inPlace} {
		if same, err := t.leadsTo(ctx, statements, plan.To); err != nil {
			return nil, nil, err
		} else if same {
			return statements, slices.Compact(form.tables), nil
		}
	}
	return nil, nil, nil
}

func statementsOf(pieces []piece) (out []Statement) {
	for _, p := range pieces {
		out = append(out, p.Statement)
	}
	return out
}

// leadsTo runs statements on the bench, and reports whether they come to that end.
func (t *transition) leadsTo(ctx context.Context, statements []Statement, to Fingerprint) (same bool, err error) {
	err = t.bench.attempt(ctx, func() error {
		if err := t.bench.enter(ctx, t.bench.Schema); err != nil {
			return err
		}
		var all []string
		for _, s := range statements {
			all = append(all, inTransaction(s))
		}
		if done, err := t.bench.atOnce(ctx, all); err != nil || !done {
			return err
		}
		out, err := t.look(ctx, nil)
		same = err == nil && out.To == to
		return err
	})
	return same, err
}

// add adds what becomes of a statement of the plain form.
func (o *onlineForm) add(s Statement) {
	c := commandOf(s.SQL)
	table := bareName(c.table)
	switch {
	case !s.Transactional:
		o.pieces = append(o.pieces, piece{stageIndex, s})
	case c.verb == "CREATE INDEX" && o.policy.CreateIndexLive && o.facts.table(table):
		o.concurrently(s, c.table)
	case c.verb == "DROP INDEX" && o.policy.DropIndexLive && o.facts.indexed(bareName(c.name)) != "":
		o.concurrently(s, strings.TrimSuffix(c.name, QuoteIdent(bareName(c.name)))+QuoteIdent(o.facts.indexed(bareName(c.name))))
	case c.verb == "ALTER TABLE" && o.facts.table(table):
		o.alter(s, c)
	default:
		o.pieces = append(o.pieces, piece{stageMain, s})
	}
}

func (o *onlineForm) concurrently(s Statement, table string) {
	s.SQL, s.Transactional = strings.Replace(s.SQL, "INDEX ", "INDEX CONCURRENTLY ", 1), false
	o.pieces = append(o.pieces, piece{stageIndex, s})
	o.tables = append(o.tables, table)
}

// indexed returns the table of an index that is there before, or "".
func (f facts) indexed(name string) string {
	for l := range f.from {
		if l.Kind == KindIndex && l.Name == name {
			return l.Table
		}
	}
	return ""
}

// alter takes apart the clauses of ALTER TABLE that look at each row.
func (o *onlineForm) alter(s Statement, c command) {
	alter := "ALTER TABLE " + c.table + " "
	var stay []string
	var later []piece
	then := func(at stage, sql, comment string) {
		later = append(later, piece{at, Statement{SQL: sql, Comment: comment, Transactional: at != stageIndex, Alone: at == stageValidate}})
	}
	for _, clause := range c.clauses {
		name, definition := "", clause
		if rest, ok := clause.starts("ADD", "CONSTRAINT"); ok && len(rest) > 1 {
			name, definition = rest[0], rest[1:]
		}
		column, setsNotNull := clause.setsNotNull()
		switch {
		case setsNotNull:
			check := QuoteIdent(notNullCheck(c.table, column))
			stay = append(stay, "ADD CONSTRAINT "+check+" CHECK ("+column+" IS NOT NULL) NOT VALID")
			then(stageValidate, alter+"VALIDATE CONSTRAINT "+check, "look for a NULL while the table is in use")
			later[len(later)-1].Hazards = notNullHazards(c.table, bareName(c.table), column)[:1]
			then(stageFinish, alter+"ALTER COLUMN "+column+" SET NOT NULL", "the check spares the scan")
			then(stageFinish, alter+"DROP CONSTRAINT "+check, "")
		case name != "" && definition.looksAtRows():
			stay = append(stay, clause.text()+" NOT VALID")
			then(stageValidate, alter+"VALIDATE CONSTRAINT "+name, "check the rows while the table is in use")
		case name != "" && o.policy.CreateIndexLive && definition.isPlainUnique():
			then(stageIndex, "CREATE UNIQUE INDEX CONCURRENTLY "+name+" ON "+c.table+" "+definition[1], "")
			then(stageAttach, alter+"ADD CONSTRAINT "+name+" UNIQUE USING INDEX "+name+" "+definition[2:].text(), "")
		default:
			if rest, ok := clause.starts("VALIDATE", "CONSTRAINT"); ok && len(rest) == 1 {
				then(stageValidate, alter+clause.text(), s.Comment)
			} else {
				stay = append(stay, clause.text())
			}
		}
	}
	if len(later) == 0 {
		o.pieces = append(o.pieces, piece{stageMain, s})
		return
	}
	if len(stay) > 0 {
		s.SQL = alter + strings.Join(stay, ", ")
		o.pieces = append(o.pieces, piece{stageMain, s})
	} else {
		later[0].Reverse = s.Reverse
	}
	o.pieces, o.tables = append(o.pieces, later...), append(o.tables, c.table)
}

// BuildsConcurrently returns the name of the index that a statement builds while
// its table is in use. Where that is interrupted, an index of that name stays
// that is not valid.
func BuildsConcurrently(s Statement) (index string, ok bool) {
	c := commandOf(s.SQL)
	return bareName(c.name), !s.Transactional && c.verb == "CREATE INDEX"
}

// BesideIndex returns the fingerprint of lines without the index that a statement
// builds or drops concurrently, and whether that has been done by those lines: the
// index is there and valid, or gone. Of any other statement they do not tell.
func BesideIndex(lines []Line, s Statement) (beside Fingerprint, done bool) {
	c := commandOf(s.SQL)
	builds, drops := c.verb == "CREATE INDEX", c.verb == "DROP INDEX"
	if s.Transactional || !builds && !drops {
		return FingerprintOf(lines), false
	}
	index := bareName(c.name)
	there, valid := false, false
	lines = slices.DeleteFunc(slices.Clone(lines), func(l Line) bool {
		switch l.Kind {
		case KindIndex:
			if l.Name == index {
				there, valid = true, !strings.HasSuffix(l.Definition, " INVALID")
			}
			return l.Name == index
		case KindCluster:
			return bareName(l.Definition) == index
		case KindComment:
			name, ok := strings.CutPrefix(l.Name, "INDEX ")
			return ok && bareName(name) == index
		}
		return false
	})
	return FingerprintOf(lines), builds && valid || drops && !there
}

func (c clause) setsNotNull() (column string, ok bool) {
	rest, ok := c.starts("ALTER")
	rest = rest.without("COLUMN")
	if !ok || len(rest) != 4 {
		return "", false
	}
	_, ok = rest[1:].starts("SET", "NOT", "NULL")
	return rest[0], ok
}

// looksAtRows reports whether adding this constraint means to look at each row,
// and can be put off.
func (c clause) looksAtRows() bool {
	_, check := c.starts("CHECK")
	_, key := c.starts("FOREIGN", "KEY")
	return (check || key) && !c.has("NOT", "VALID")
}

// isPlainUnique reports whether the constraint is UNIQUE with a list of columns,
// and perhaps deferrable.
func (c clause) isPlainUnique() bool {
	_, unique := c.starts("UNIQUE")
	return unique && len(c) > 1 && strings.HasPrefix(c[1], "(") && (len(c) == 2 || strings.EqualFold(c[2], "DEFERRABLE"))
}

// notNullCheck names the check that a NOT NULL is prepared by. One that an
// interrupted run has left is dropped by the next, like whatever is not asked for.
func notNullCheck(table, column string) string {
	sum := sha256.Sum256([]byte(bareName(table) + "\x00" + bareName(column)))
	return "tenantry_not_null_" + hex.EncodeToString(sum[:6])
}
