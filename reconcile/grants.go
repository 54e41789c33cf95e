package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tenantry/schema"
	"tenantry/state"
)

// A GrantLine is what one role may do with one object of a schema, as
// PostgreSQL's catalogs have it. What an object's owner may do goes with being
// the owner, and is left out. Each object has a line without a grantee, too.
type GrantLine struct {
	Kind       GrantKind
	Object     string   // quoted; of a routine with its arguments; "" for the schema itself
	Column     string   // quoted, for GrantColumn
	Grantee    string   // quoted; Public, OwnRole, or "" in the line that says that the object is there
	Privileges []string // sorted; with "*" after those that may be passed on
}

// GrantKind is what a privilege is on.
type GrantKind string

const (
	GrantSchema          GrantKind = "schema"
	GrantTable           GrantKind = "table" // and views and the like
	GrantColumn          GrantKind = "column"
	GrantSequence        GrantKind = "sequence"
	GrantRoutine         GrantKind = "routine"
	GrantDefaultTable    GrantKind = "default table" // on tables that are yet to be made
	GrantDefaultSequence GrantKind = "default sequence"
	GrantDefaultRoutine  GrantKind = "default routine"
)

const (
	// Public is everyone.
	Public = "PUBLIC"
	// OwnRole stands for the role of the tenant's own, so that the grants of
	// tenants are the same where they are alike.
	OwnRole = "{role}"
)

// grantKinds are the kinds in the order of a plan, with what statements call all
// objects of that kind.
var grantKinds = []struct {
	kind GrantKind
	noun string // on one
	all  string // on all in a schema
}{
	{GrantSchema, "SCHEMA", ""},
	{GrantTable, "TABLE", "TABLES"},
	{GrantColumn, "TABLE", ""},
	{GrantSequence, "SEQUENCE", "SEQUENCES"},
	{GrantRoutine, "ROUTINE", "ROUTINES"},
	{GrantDefaultTable, "", "TABLES"},
	{GrantDefaultSequence, "", "SEQUENCES"},
	{GrantDefaultRoutine, "", "ROUTINES"},
}

func (k GrantKind) isDefault() bool { return strings.HasPrefix(string(k), "default ") }

// Wanted is who should have which rights in a schema, by grantee.
type Wanted map[string]state.Rights

// wantedOf returns who is to have rights in a target: nobody in one that is
// suspended or retired.
func wantedOf(t *Target) Wanted {
	w := make(Wanted)
	if t.wish() != WishActive {
		return w
	}
	for role, rights := range t.Access {
		w[quoteRole(role)] = rights
	}
	if t.Role != nil {
		w[OwnRole] = t.Role.Rights
	}
	return w
}

// digest names what is wanted.
func (w Wanted) digest() string {
	h := sha256.New()
	for _, grantee := range slices.Sorted(maps.Keys(w)) {
		fmt.Fprintf(h, "%q %q\n", grantee, w[grantee])
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// on returns the privileges that rights come to on an object of a kind.
func on(kind GrantKind, rights state.Rights) []string {
	var of string
	switch kind {
	case GrantSchema:
		of = "create"
	case GrantTable, GrantDefaultTable:
		of = "delete insert references select trigger truncate update"
	case GrantSequence, GrantDefaultSequence:
		of = "select usage"
	case GrantRoutine, GrantDefaultRoutine:
		of = "execute"
	}
	var out []string
	for _, p := range rights {
		if slices.Contains(strings.Fields(of), p) {
			out = append(out, strings.ToUpper(p))
		}
	}
	if kind == GrantSchema && len(rights) > 0 {
		out = append(out, "USAGE")
	}
	return out
}

// quoteRole quotes a role as PostgreSQL's quote_ident does where it must.
func quoteRole(name string) string {
	for i, c := range name {
		if c != '_' && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return schema.QuoteIdent(name)
		}
	}
	return name
}

// A delta is privileges that a role has and should not, or should have and has
// not, on objects of one kind.
type delta struct {
	kind       GrantKind
	grantee    string
	column     string // of the one object, for GrantColumn
	privileges []string
	missing    bool
	passedOn   bool // they may be passed on
	objects    []string
	every      bool // the objects are all of their kind
}

// deltas compares what is with what is wanted.
func deltas(lines []GrantLine, want Wanted) []delta {
	var out []*delta
	at := make(map[string]*delta)
	add := func(l GrantLine, privileges []string, missing, passedOn bool) {
		if len(privileges) == 0 {
			return
		}
		key := fmt.Sprintf("%q %q %q %v %v", l.Kind, l.Grantee, privileges, missing, passedOn)
		if l.Kind == GrantColumn {
			key += fmt.Sprintf(" %q %q", l.Object, l.Column)
		}
		d := at[key]
		if d == nil {
			d = &delta{kind: l.Kind, grantee: l.Grantee, column: l.Column, privileges: privileges, missing: missing, passedOn: passedOn}
			at[key] = d
			out = append(out, d)
		}
		d.objects = append(d.objects, l.Object)
	}
	type place struct {
		kind            GrantKind
		object, grantee string
	}
	have := make(map[place]bool)
	objects := make(map[GrantKind][]string)
	for _, l := range lines {
		if l.Grantee == "" {
			objects[l.Kind] = append(objects[l.Kind], l.Object)
			continue
		}
		have[place{l.Kind, l.Object, l.Grantee}] = true
		wanted := on(l.Kind, want[l.Grantee])
		excess, passedOn, missing := []string{}, []string{}, slices.Clone(wanted)
		for _, p := range l.Privileges {
			name, star := strings.CutSuffix(p, "*")
			switch {
			case star:
				passedOn = append(passedOn, name)
			case slices.Contains(wanted, name):
				missing = slices.DeleteFunc(missing, func(m string) bool { return m == name })
			default:
				excess = append(excess, name)
			}
		}
		add(l, excess, false, false)
		add(l, passedOn, false, true)
		if l.Kind != GrantColumn {
			add(l, missing, true, false)
		}
	}
	for _, k := range grantKinds {
		for _, grantee := range slices.Sorted(maps.Keys(want)) {
			for _, object := range objects[k.kind] {
				if !have[place{k.kind, object, grantee}] {
					add(GrantLine{Kind: k.kind, Object: object, Grantee: grantee}, on(k.kind, want[grantee]), true, false)
				}
			}
		}
	}
	return ordered(out, objects)
}

// fresh returns what is missing in a schema that is empty yet: what is made in it
// then gets its privileges as it is made.
func fresh(want Wanted) []delta {
	var out []*delta
	for _, k := range grantKinds {
		for _, grantee := range slices.Sorted(maps.Keys(want)) {
			if privileges := on(k.kind, want[grantee]); len(privileges) > 0 && (k.kind == GrantSchema || k.kind.isDefault()) {
				out = append(out, &delta{kind: k.kind, grantee: grantee, privileges: privileges, missing: true})
			}
		}
	}
	return ordered(out, nil)
}

// everyonesRoutines is what PostgreSQL lets everyone do with a new function, and
// no default privilege of a schema takes away.
var everyonesRoutines = delta{kind: GrantRoutine, grantee: Public, privileges: []string{"EXECUTE"}, every: true}

// ordered puts what is taken before what is given, and says which deltas are
// about every object of their kind.
func ordered(all []*delta, objects map[GrantKind][]string) []delta {
	place := make(map[GrantKind]int)
	for i, k := range grantKinds {
		place[k.kind] = i
	}
	slices.SortStableFunc(all, func(a, b *delta) int {
		if a.missing != b.missing {
			return one(a.missing) - one(b.missing)
		}
		return place[a.kind] - place[b.kind]
	})
	out := make([]delta, len(all))
	for i, d := range all {
		out[i] = *d
		out[i].every = d.every || len(d.objects) == len(objects[d.kind])
	}
	return out
}

// statement returns what mends the delta.
func (d *delta) statement() schema.Statement {
	give, take := d.sql(true), d.sql(false)
	s := schema.Statement{SQL: take, Reverse: []string{give}, Transactional: true, Hazards: []schema.Hazard{}, Named: true}
	if d.missing {
		s.SQL, s.Reverse = give, []string{take}
	}
	return s
}

// sql returns a GRANT or a REVOKE.
func (d *delta) sql(give bool) string {
	privileges := d.privileges
	if d.kind == GrantColumn {
		privileges = nil
		for _, p := range d.privileges {
			privileges = append(privileges, p+" ("+schema.Escape(d.column)+")")
		}
	}
	grantee := d.grantee
	if grantee != OwnRole {
		grantee = schema.Escape(grantee)
	}
	verb, tail := "REVOKE ", " FROM "+grantee
	if !d.kind.isDefault() {
		tail += " CASCADE" // with what was passed on
	}
	if give {
		verb, tail = "GRANT ", " TO "+grantee
		if d.passedOn {
			tail += " WITH GRANT OPTION"
		}
	}
	text := verb + strings.Join(privileges, ", ") + " ON " + d.target() + tail
	if d.kind.isDefault() {
		text = "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} " + text
	}
	return text
}

// manyObjects is how many objects a statement names one by one, though they are
// all of their kind: PostgreSQL finds all of a schema by reading the whole
// catalog.
const manyObjects = 200

// target names the objects.
func (d *delta) target() string {
	for _, k := range grantKinds {
		switch {
		case k.kind != d.kind:
		case d.kind == GrantSchema:
			return "SCHEMA {schema}"
		case d.kind.isDefault():
			return k.all
		case d.every && k.all != "" && (len(d.objects) == 0 || len(d.objects) > manyObjects):
			return "ALL " + k.all + " IN SCHEMA {schema}"
		default:
			names := make([]string, len(d.objects))
			for i, o := range d.objects {
				names[i] = "{schema}." + schema.Escape(o)
			}
			return k.noun + " " + strings.Join(names, ", ")
		}
	}
	panic("reconcile: there is no kind of grant " + d.kind)
}

// String says what differs, for a person: "analytics may INSERT on 3 tables, and
// should not".
func (d *delta) String() string {
	grantee := d.grantee
	if grantee == OwnRole {
		grantee = "the tenant's own role"
	}
	what := "on " + d.where()
	may, tail := " may ", ", and should not"
	if d.missing {
		may, tail = " may not ", ", and should"
	}
	if d.passedOn {
		may = " may pass on "
	}
	return grantee + may + strings.Join(d.privileges, ", ") + " " + what + tail
}

func (d *delta) where() string {
	switch {
	case d.kind == GrantSchema:
		return "the schema"
	case d.kind == GrantColumn:
		return "the column " + d.objects[0] + "." + d.column
	case d.kind.isDefault():
		return strings.TrimPrefix(string(d.kind), "default ") + "s to come"
	case d.every:
		return "all " + string(d.kind) + "s"
	case len(d.objects) <= 3:
		return "the " + string(d.kind) + " " + strings.Join(d.objects, ", ")
	}
	return fmt.Sprintf("%d %ss", len(d.objects), d.kind)
}
