package schema

import (
	"fmt"
	"slices"
	"strings"
)

// A Hazard is a reason to look twice at a statement.
type Hazard struct {
	Code        HazardCode `json:"code"`
	Message     string     `json:"message"`               // what may happen, in a sentence's half
	Alternative string     `json:"alternative,omitempty"` // what would be safer, where there is such a thing
	Atlas       string     `json:"atlas,omitempty"`       // the code of Atlas's analyser that says so too, as "DS103"
	// Probe is a query that says whether the statement would fail on a target,
	// for HazardDataDependent: a template, to be asked before the step begins. It
	// returns one boolean, or fails where a value cannot be cast. "" where there
	// is no such query. Fails is then what PostgreSQL would say.
	Probe string `json:"probe,omitempty"`
	Fails string `json:"fails,omitempty"`
	// Table and Column name what loses its data, for HazardDestructive:
	// templates of quoted names. Column is empty where it is the whole table.
	Table  string `json:"table,omitempty"`
	Column string `json:"column,omitempty"`
}

// HazardCode names a kind of hazard; the values are stable.
type HazardCode string

const (
	// HazardDestructive: the statement destroys data.
	HazardDestructive HazardCode = "destructive"
	// HazardDataDependent: whether the statement succeeds depends on the rows.
	HazardDataDependent HazardCode = "data-dependent"
	// HazardRewritesTable: the statement writes the whole table anew, and nobody
	// reads or writes it meanwhile.
	HazardRewritesTable HazardCode = "rewrites-table"
	// HazardBlocksReads: the statement reads the whole table, and nobody else
	// reads or writes it meanwhile.
	HazardBlocksReads HazardCode = "blocks-reads"
	// HazardBlocksWrites: the statement reads the whole table, and nobody writes
	// it meanwhile.
	HazardBlocksWrites HazardCode = "blocks-writes"
	// HazardDropsConstraint: what the rows were held to, they no longer are.
	HazardDropsConstraint HazardCode = "drops-constraint"
	// HazardIncompatible: programs that know the old name do not find it.
	HazardIncompatible HazardCode = "incompatible"
)

// Has reports whether a statement has a hazard of that kind.
func (s Statement) Has(code HazardCode) bool {
	return slices.ContainsFunc(s.Hazards, func(h Hazard) bool { return h.Code == code })
}

// Destructive reports whether the statement destroys data.
func (s Statement) Destructive() bool { return s.Has(HazardDestructive) }

// What is safer than each thing that may fail or block.
const (
	keepOrEmpty    = "diff { skip } in atlas.hcl keeps it; " + dropsIfEmpty
	dropsIfEmpty   = "policy.destructive: if-empty drops it where it holds nothing"
	defaultFirst   = "give it a default, or add it without NOT NULL, fill it, and make it NOT NULL in a later version"
	fillFirst      = "fill the rows that have none first"
	tellApartFirst = "make the rows that are alike differ first"
	mendFirst      = "mend the rows that do not satisfy it first"
	bothNames      = "have both names for a while, such as by a view or a column of the other name, and let the old one go in a later version"
	newColumn      = "add a column of the new type, fill it, and drop the old one in a later version"
	fillLater      = "add the column without it, set the default in a later version, and fill the rows in batches"
	concurrent     = "diff { concurrent_index { create = true } } in atlas.hcl builds it while the table is written to"
)

// facts are what hazards are judged by: the structure that a step starts from,
// and the one that it leads to.
type facts struct {
	from, to map[Line]string // definitions by key
	checks   map[string]bool // the checks that the step itself has validated, by name
}

func factsOf(from, to []Line) facts {
	f := facts{from: make(map[Line]string, len(from)), to: make(map[Line]string, len(to)), checks: make(map[string]bool)}
	for _, l := range from {
		f.from[l.key()] = l.Definition
	}
	for _, l := range to {
		f.to[l.key()] = l.Definition
	}
	return f
}

// table reports whether there was such a table before, which may hold rows.
func (f facts) table(name string) bool {
	_, ok := f.from[Line{Kind: KindTable, Name: name}]
	return ok
}

// column returns the types of a column, before and after.
func (f facts) column(table, name string) (from, to string) {
	k := Line{Kind: KindColumn, Table: table, Name: name}
	return f.from[k], f.to[k]
}

// note remembers what a command has validated.
func (f facts) note(c command) {
	for _, clause := range c.clauses {
		if rest, ok := clause.starts("VALIDATE", "CONSTRAINT"); ok && len(rest) > 0 {
			f.checks[bareName(rest[0])] = true
		}
	}
}

// hazards returns the hazards of a command, but for rewrites, which are measured.
func (f facts) hazards(c command) []Hazard {
	table := bareName(c.table)
	if c.verb == "" || !f.table(table) {
		return nil
	}
	switch c.verb {
	case "DROP TABLE":
		return []Hazard{{Code: HazardDestructive, Message: fmt.Sprintf("drops the table %q with all its rows", table), Alternative: keepOrEmpty, Table: c.table}}
	case "CREATE INDEX":
		return indexHazards(c, table)
	}
	var out []Hazard
	for _, clause := range c.clauses {
		out = append(out, f.clauseHazards(c, table, clause)...)
	}
	return out
}

func indexHazards(c command, table string) (out []Hazard) {
	name := bareName(c.name)
	if c.unique {
		probe := uniqueProbe(c.table, c.rest)
		out = append(out, Hazard{Code: HazardDataDependent, Message: fmt.Sprintf("adds the unique index %q to %q: fails where rows are alike", name, table),
			Alternative: tellApartFirst, Probe: probe, Fails: fmt.Sprintf("could not create unique index %q: rows are alike [23505]", name)})
	}
	return append(out, Hazard{Code: HazardBlocksWrites, Message: fmt.Sprintf("builds the index %q: nobody writes to %q meanwhile", name, table), Alternative: concurrent})
}

func (f facts) clauseHazards(c command, table string, clause clause) []Hazard {
	if rest, ok := clause.starts("ADD", "CONSTRAINT"); ok && len(rest) > 1 {
		return constraintHazards(c.table, table, bareName(rest[0]), rest[1:])
	}
	if rest, ok := clause.starts("ALTER"); ok {
		if rest = rest.without("COLUMN"); len(rest) > 1 {
			return f.columnHazards(c.table, table, rest[0], rest[1:])
		}
	}
	if rest, ok := clause.starts("VALIDATE", "CONSTRAINT"); ok && len(rest) > 0 {
		return f.validates(c.table, table, bareName(rest[0]))
	}
	if rest, ok := clause.starts("RENAME"); ok {
		return f.renames(table, rest)
	}
	if rest, ok := clause.starts("DROP", "CONSTRAINT"); ok && len(rest) > 0 {
		return f.dropsConstraint(table, bareName(rest.without("IF", "EXISTS")[0]))
	}
	if rest, ok := clause.starts("DROP"); ok && len(rest) > 0 {
		column := rest.without("COLUMN").without("IF", "EXISTS")[0]
		from, _ := f.column(table, bareName(column))
		if isGenerated(from) {
			return nil // it holds nothing of its own
		}
		return []Hazard{{Code: HazardDestructive, Message: fmt.Sprintf("drops the column %q of %q with all its values", bareName(column), table),
			Alternative: keepOrEmpty, Table: c.table, Column: column}}
	}
	if rest, ok := clause.starts("ADD"); ok && len(rest) > 1 {
		if hazards := constraintHazards(c.table, table, "", rest); hazards != nil {
			return hazards
		}
		return addsColumn(c.table, table, rest.without("COLUMN").without("IF", "NOT", "EXISTS"))
	}
	return nil
}

// dropsConstraint returns the hazard of a foreign key that is not made anew.
func (f facts) dropsConstraint(table, name string) []Hazard {
	k := Line{Kind: KindConstraint, Table: table, Name: name}
	if _, stays := f.to[k]; stays || !strings.HasPrefix(f.from[k], "FOREIGN KEY") {
		return nil
	}
	return []Hazard{{Code: HazardDropsConstraint, Message: fmt.Sprintf("drops the foreign key %q of %q: its rows may then refer to nothing", name, table)}}
}

// renames returns the hazard of a table or a column whose old name leads nowhere
// in the end.
func (f facts) renames(table string, clause clause) []Hazard {
	if _, ok := clause.starts("TO"); ok {
		if f.named(table) {
			return nil
		}
		return []Hazard{{Code: HazardIncompatible, Message: fmt.Sprintf("renames the table %q: programs do not find it any more", table), Alternative: bothNames}}
	}
	rest := clause.without("COLUMN")
	if len(rest) != 3 { // of a constraint
		return nil
	}
	name := bareName(rest[0])
	if _, to := f.column(table, name); to != "" {
		return nil
	}
	return []Hazard{{Code: HazardIncompatible, Message: fmt.Sprintf("renames the column %q of %q: programs do not find it any more", name, table), Alternative: bothNames}}
}

// named reports whether there is a table or a view of that name afterwards.
func (f facts) named(name string) bool {
	for _, kind := range []Kind{KindTable, KindView, KindMaterializedView} {
		if _, ok := f.to[Line{Kind: kind, Name: name}]; ok {
			return true
		}
	}
	return false
}

// addsColumn returns the hazard of a column that no row could have a value for.
func addsColumn(quoted, table string, column clause) []Hazard {
	if !column.has("NOT", "NULL") || column.has("DEFAULT") || column.has("GENERATED") || column.hasSerial() {
		return nil
	}
	name := bareName(column[0])
	return []Hazard{{Code: HazardDataDependent, Message: fmt.Sprintf("adds the NOT NULL column %q to %q without a default: fails where %q has rows", name, table, table),
		Alternative: defaultFirst, Probe: "SELECT EXISTS (SELECT FROM " + quoted + ")", Fails: nullValues(name, table)}}
}

func nullValues(column, table string) string {
	return fmt.Sprintf("column %q of relation %q contains null values [23502]", column, table)
}

func (c clause) hasSerial() bool {
	return c.has("serial") || c.has("bigserial") || c.has("smallserial")
}

// constraintHazards returns the hazards of adding a constraint, nil where the
// definition is none.
func constraintHazards(quoted, table, name string, definition clause) []Hazard {
	said := "a constraint"
	if name != "" {
		said = fmt.Sprintf("the constraint %q", name)
	}
	dependent := Hazard{Code: HazardDataDependent, Message: fmt.Sprintf("adds %s to %q: fails where a row does not satisfy it", said, table), Alternative: mendFirst}
	blocking := Hazard{Code: HazardBlocksReads, Message: fmt.Sprintf("checks %s for each row: nobody reads or writes %q meanwhile", said, table)}
	switch {
	case definition.has("NOT", "VALID") || definition.has("USING", "INDEX"):
		return []Hazard{}
	case definition.has("CHECK"):
		dependent.Probe = checkProbe(quoted, definition)
		dependent.Fails = fmt.Sprintf("check constraint %q of relation %q is violated by some row [23514]", name, table)
	case definition.has("FOREIGN", "KEY"):
		blocking.Code, blocking.Message = HazardBlocksWrites, fmt.Sprintf("checks %s for each row: nobody writes to %q or to the table that it refers to meanwhile", said, table)
		dependent.Probe = foreignKeyProbe(quoted, definition)
		dependent.Fails = fmt.Sprintf("insert or update on table %q violates foreign key constraint %q [23503]", table, name)
	case startsWithKey(definition):
		blocking.Message = fmt.Sprintf("builds the index of %s: nobody reads or writes %q meanwhile", said, table)
		blocking.Alternative = concurrent
		dependent.Alternative = tellApartFirst
		dependent.Probe = keyProbe(quoted, definition)
		dependent.Fails = fmt.Sprintf("rows of %q are alike, or have no value, where %s allows neither [23505]", table, said)
	case definition.has("EXCLUDE"):
		blocking.Message = fmt.Sprintf("builds the index of %s: nobody reads or writes %q meanwhile", said, table)
	case definition.has("NOT", "NULL") && len(definition) == 3:
		return notNullHazards(quoted, table, definition[2])
	default:
		return nil
	}
	return []Hazard{dependent, blocking}
}

func startsWithKey(definition clause) bool {
	_, unique := definition.starts("UNIQUE")
	_, primary := definition.starts("PRIMARY", "KEY")
	return unique || primary
}

func notNullHazards(quoted, table, column string) []Hazard {
	name := bareName(column)
	return []Hazard{
		{Code: HazardDataDependent, Message: fmt.Sprintf("makes %q.%q NOT NULL: fails where a row has none", table, name),
			Alternative: fillFirst, Probe: "SELECT EXISTS (SELECT FROM " + quoted + " WHERE " + column + " IS NULL)", Fails: nullValues(name, table)},
		{Code: HazardBlocksReads, Message: fmt.Sprintf("looks at each row for a NULL: nobody reads or writes %q meanwhile", table)},
	}
}

// validates returns the hazard of validating a constraint that was added NOT
// VALID: it blocks nobody.
func (f facts) validates(quoted, table, name string) []Hazard {
	definition := clause(tokensOf(f.to[Line{Kind: KindConstraint, Table: table, Name: name}]))
	if len(definition) == 0 {
		return nil // a check that prepares a NOT NULL, whose hazard it brings along
	}
	h := Hazard{Code: HazardDataDependent, Message: fmt.Sprintf("validates the constraint %q of %q: fails where a row does not satisfy it", name, table), Alternative: mendFirst}
	for _, like := range constraintHazards(quoted, table, name, definition) {
		if like.Code == HazardDataDependent {
			h.Fails, h.Probe = like.Fails, like.Probe
		}
	}
	return []Hazard{h}
}

func (f facts) columnHazards(quoted, table, column string, action clause) []Hazard {
	if _, ok := action.starts("SET", "NOT", "NULL"); ok {
		if f.checks[notNullCheck(quoted, column)] {
			return nil
		}
		return notNullHazards(quoted, table, column)
	}
	rest, ok := action.starts("TYPE")
	if !ok {
		rest, ok = action.starts("SET", "DATA", "TYPE")
	}
	if !ok {
		return nil
	}
	name := bareName(column)
	from, to := f.column(table, name)
	if alwaysFits(from, to) {
		return nil
	}
	return []Hazard{{Code: HazardDataDependent, Message: fmt.Sprintf("changes the type of %q.%q: fails where a value does not fit", table, name),
		Alternative: newColumn, Probe: castProbe(quoted, column, to, rest), Fails: fmt.Sprintf("a value of %q.%q does not fit the type %s", table, name, to)}}
}
