package schema

import (
	"regexp"
	"slices"
	"strings"
)

// A value that is added to an enum may not be used before it is committed, and on
// the workbench nothing ever is. So there a type has from the beginning what files
// add to it later; until they do, the lines do not show it.

// foreseen are statements as they are run on a bench, in their order.
type foreseen struct {
	statements []Statement
	passed     int
	events     []func() // of each of the statements: what it does to what is hidden
	enums      map[string]*enumAhead
	now        map[string]*enumAhead // as of the statements that have passed
}

// enumAhead is an enum with all that it is to have.
type enumAhead struct {
	created int // the statement that makes it
	head    string
	labels  []*labelAhead
}

type labelAhead struct {
	first, last string // literals: what it is at first, and by the last statement
	now         string // what it is by those that have passed
	hidden      bool
}

const (
	ownName      = `(?:\{(?:schema|ident|name)\}\s*\.\s*|"\{name\}"\s*\.\s*)?(` + identPattern + `)`
	labelPattern = `('(?:[^'\\]|'')*')`
)

var (
	createsEnum  = regexp.MustCompile(`(?is)^(CREATE\s+TYPE\s+` + ownName + `\s+AS\s+ENUM\s*)\((\s*(?:` + labelPattern + `\s*,?\s*)*)\)$`)
	addsValue    = regexp.MustCompile(`(?is)^ALTER\s+TYPE\s+` + ownName + `\s+ADD\s+VALUE\s+(?:IF\s+NOT\s+EXISTS\s+)?` + labelPattern + `(?:\s+(BEFORE|AFTER)\s+` + labelPattern + `)?$`)
	renamesValue = regexp.MustCompile(`(?is)^ALTER\s+TYPE\s+` + ownName + `\s+RENAME\s+VALUE\s+` + labelPattern + `\s+TO\s+` + labelPattern + `$`)
	renamesEnum  = regexp.MustCompile(`(?is)^ALTER\s+TYPE\s+` + ownName + `\s+RENAME\s+TO\s+(` + identPattern + `)$`)
	oneLabel     = regexp.MustCompile(labelPattern)
)

// foresee returns the statements as they are to be run on a bench.
func foresee(statements []Statement) *foreseen {
	f := &foreseen{statements: slices.Clone(statements), events: make([]func(), len(statements)), enums: make(map[string]*enumAhead), now: make(map[string]*enumAhead)}
	for i, s := range statements {
		f.look(i, s.SQL)
	}
	return f
}

// look takes in one statement.
func (f *foreseen) look(i int, sql string) {
	if m := createsEnum.FindStringSubmatch(sql); m != nil {
		e := &enumAhead{created: i, head: m[1]}
		for _, l := range oneLabel.FindAllString(m[3], -1) {
			e.labels = append(e.labels, &labelAhead{first: l, last: l, now: l})
		}
		name := bareName(m[2])
		f.enums[name] = e
		f.events[i] = func() { f.now[name] = e }
	} else if m := addsValue.FindStringSubmatch(sql); m != nil {
		f.add(i, f.enums[bareName(m[1])], m[2], strings.ToUpper(m[3]), m[4])
	} else if m := renamesValue.FindStringSubmatch(sql); m != nil {
		if l := f.enums[bareName(m[1])].find(m[2]); l != nil {
			l.last = m[3]
			f.events[i] = func() { l.now = m[3] }
		}
	} else if m := renamesEnum.FindStringSubmatch(sql); m != nil {
		was, is := bareName(m[1]), bareName(m[2])
		if e := f.enums[was]; e != nil {
			delete(f.enums, was)
			f.enums[is] = e
			f.events[i] = func() {
				delete(f.now, was)
				f.now[is] = e
			}
		}
	}
}

// find returns the label that is called so by the last statement.
func (e *enumAhead) find(literal string) *labelAhead {
	if e == nil {
		return nil
	}
	for _, l := range e.labels {
		if l.last == literal {
			return l
		}
	}
	return nil
}

// add has an enum begin with a value that statement i adds to it.
func (f *foreseen) add(i int, e *enumAhead, literal, side, neighbour string) {
	taken := e != nil && slices.ContainsFunc(e.labels, func(l *labelAhead) bool { return l.first == literal || l.last == literal })
	if e == nil || taken || side != "" && e.find(neighbour) == nil {
		return // it says for itself what comes of it
	}
	l := &labelAhead{first: literal, last: literal, now: literal, hidden: true}
	at := len(e.labels)
	switch n := slices.Index(e.labels, e.find(neighbour)); side {
	case "BEFORE":
		at = n
	case "AFTER":
		at = n + 1
	}
	e.labels = slices.Insert(e.labels, at, l)
	var labels []string
	for _, l := range e.labels {
		labels = append(labels, l.first)
	}
	f.statements[e.created].SQL = e.head + "(" + strings.Join(labels, ", ") + ")"
	f.statements[i].SQL = "SELECT"
	f.events[i] = func() { l.hidden = false }
}

// next returns the next statements, which are then taken for run.
func (f *foreseen) next(n int) []Statement {
	out := f.statements[f.passed : f.passed+n]
	for i := range out {
		if event := f.events[f.passed+i]; event != nil {
			event()
		}
	}
	f.passed += n
	return out
}

// hide takes out of the lines of a bench what has not been added yet.
func (f *foreseen) hide(lines []Line) {
	if f == nil {
		return
	}
	for i, l := range lines {
		if e := f.now[l.Name]; l.Kind == KindEnum && e != nil {
			var shown []string
			for _, literal := range oneLabel.FindAllString(l.Definition, -1) {
				if !slices.ContainsFunc(e.labels, func(l *labelAhead) bool { return l.hidden && l.now == literal }) {
					shown = append(shown, literal)
				}
			}
			lines[i].Definition = strings.Join(shown, ", ")
		}
	}
}
