package schema

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// A Line is one definition of a live schema in PostgreSQL's own words, with the
// schema's own name left out. (Kind, Table, Name) identifies it in its schema.
type Line struct {
	Kind       Kind   `json:"kind"`
	Table      string `json:"table,omitempty"` // the table, or other relation or domain, that it is a part of or a comment on
	Name       string `json:"name"`
	Definition string `json:"definition,omitempty"`
}

// LineForm is the version of what lines there are and how they are worded. It
// goes up whenever the same schema would come to other lines than before: then
// no fingerprint, token or compiled blueprint of before is taken for one of now.
const LineForm = 2

// Kind is what a Line defines, in the words of PostgreSQL's manual. Kinds that
// are not among the constants (operator, collation and the like) are observed
// and reported, but never planned.
type Kind string

// The kinds that make up the structure: what holds rows, or shapes them.
const (
	KindEnum             Kind = "enum"
	KindDomain           Kind = "domain"
	KindDomainConstraint Kind = "domain constraint"
	KindComposite        Kind = "composite type"
	KindRange            Kind = "range type"
	KindOwnedSequence    Kind = "owned sequence" // of a serial column
	KindTable            Kind = "table"
	KindColumn           Kind = "column"         // its type, collation and generating expression
	KindColumnOptions    Kind = "column options" // storage, compression, statistics target
	KindNotNull          Kind = "not null"       // named by its column; a name of its own, since PostgreSQL 18, is its definition
	KindDefault          Kind = "default"
	KindIdentity         Kind = "identity"
	KindConstraint       Kind = "constraint"
	KindIndex            Kind = "index" // those that no constraint owns
	KindReplicaIdentity  Kind = "replica identity"
	KindCluster          Kind = "cluster" // the index that CLUSTER goes by
	KindComment          Kind = "comment"
)

// The kinds of objects that hold no rows. Those that no blueprint made are
// unmanaged: listed, never touched.
const (
	KindSequence              Kind = "sequence" // owned by no column
	KindFunction              Kind = "function"
	KindProcedure             Kind = "procedure"
	KindAggregate             Kind = "aggregate"
	KindView                  Kind = "view"
	KindMaterializedView      Kind = "materialized view"
	KindMaterializedViewIndex Kind = "materialized view index"
	KindStatistics            Kind = "statistics"
	KindRule                  Kind = "rule"
	KindTrigger               Kind = "trigger"
	KindRowSecurity           Kind = "row security"
	KindPolicy                Kind = "policy"
	KindObjectComment         Kind = "object comment"
	KindMigrationHistory      Kind = "migration history" // another tool's table of what it has applied; never planned
)

// creationOrder lists the kinds that can be planned, each after what it is
// likely to need; dropping goes the other way.
var creationOrder = []Kind{
	KindEnum, KindDomain, KindComposite, KindRange, KindDomainConstraint,
	KindSequence, KindTable, KindColumn, KindColumnOptions, KindOwnedSequence, KindNotNull, KindIdentity, KindFunction, KindProcedure, KindAggregate, KindDefault,
	KindConstraint, KindIndex, KindReplicaIdentity, KindCluster,
	KindView, KindMaterializedView, KindMaterializedViewIndex, KindStatistics, KindRule, KindTrigger, KindRowSecurity, KindPolicy,
	KindComment, KindObjectComment,
}

// PlannedKinds returns the kinds that can be planned.
func PlannedKinds() []Kind { return slices.Clone(creationOrder) }

// StructureKinds lists the kinds whose lines the Structure of a Fingerprint
// covers. All others are its Objects.
var StructureKinds = []Kind{
	KindEnum, KindDomain, KindDomainConstraint, KindComposite, KindRange, KindOwnedSequence, KindTable, KindColumn,
	KindColumnOptions, KindNotNull, KindDefault, KindIdentity, KindConstraint, KindIndex, KindReplicaIdentity, KindCluster, KindComment,
}

// IsStructure reports whether lines of this kind hold rows or shape them.
func (k Kind) IsStructure() bool { return slices.Contains(StructureKinds, k) }

// String returns the line's subject, as "column posts.title".
func (l Line) String() string {
	switch {
	case l.Kind == KindComment || l.Kind == KindObjectComment:
		return "comment on " + strings.ToLower(l.Name[:len(l.Name)-len(strings.TrimLeft(l.Name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))]) + strings.TrimLeft(l.Name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	case l.Table == "":
		return string(l.Kind) + " " + l.Name
	}
	return string(l.Kind) + " " + l.Table + "." + l.Name
}

// key is what identifies a line in its schema.
func (l Line) key() Line { return Line{Kind: l.Kind, Table: l.Table, Name: l.Name} }

func compareLines(a, b Line) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Definition, b.Definition))
}

// SortLines orders lines by kind, table, name and definition, in bytes.
func SortLines(lines []Line) { slices.SortFunc(lines, compareLines) }

// A Fingerprint is a hash of a schema's lines, independent of the schema's
// name, of OIDs, and of the order in which columns were added. Two schemas of
// one server version with equal fingerprints are equal in all that PostgreSQL
// knows of them, but for rows and grants.
type Fingerprint struct {
	Structure string // of the lines whose kind IsStructure; "" where there is none
	Objects   string // of all others
}

// String returns one word for both hashes: "sha256:" and 64 hex digits.
func (f Fingerprint) String() string {
	if f.Objects == "" && f.Structure != "" {
		return "sha256:" + f.Structure
	}
	return "sha256:" + hash(f.Structure+"\n"+f.Objects)
}

// FingerprintOf returns the fingerprint of lines, in whatever order they are.
func FingerprintOf(lines []Line) Fingerprint {
	var structure, objects []string
	for _, l := range lines {
		if l.Kind.IsStructure() {
			structure = append(structure, l.text())
		} else {
			objects = append(objects, l.text())
		}
	}
	return Fingerprint{Structure: hashLines(structure), Objects: hashLines(objects)}
}

// text returns all of a line in one text.
func (l Line) text() string {
	return escape(string(l.Kind)) + "\t" + escape(l.Table) + "\t" + escape(l.Name) + "\t" + escape(l.Definition)
}

// escape keeps fields and lines apart, so that no two different lists of lines
// come to the same text.
var escape = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`).Replace

func hashLines(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	slices.Sort(lines)
	return hash(strings.Join(lines, "\n"))
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// relation returns the table, view or sequence that a line is about, or "" where
// it is about none.
func (l Line) relation() string {
	switch l.Kind {
	case KindTable, KindReplicaIdentity, KindCluster, KindSequence, KindOwnedSequence, KindView, KindMaterializedView, KindRowSecurity:
		return l.Name
	case KindDomainConstraint:
		return ""
	}
	return l.Table
}

// A Difference is one line that is not as it should be.
type Difference struct {
	Line         // its subject; Definition is empty
	Have, Want   string
	Missing      bool // should be there and is not
	Unexpected   bool // is there and should not be
	KeptByPolicy bool // a skip in atlas.hcl's diff policy leaves it so
}

// String returns the difference in a sentence's half, as
// "column posts.title: is text, should be character varying(10)".
func (d Difference) String() string {
	subject := d.Line.String()
	switch {
	case d.Missing:
		return subject + ": missing"
	case d.Unexpected:
		return subject + ": unexpected"
	case d.Kind == KindComment:
		return subject + ": differs"
	}
	return subject + ": is " + orNothing(d.Have) + ", should be " + orNothing(d.Want)
}

func orNothing(s string) string { return cmp.Or(s, "plain") }

// Differences returns what differs from have to want, ordered by subject.
func Differences(have, want []Line) []Difference {
	wanted := make(map[Line]string, len(want))
	for _, l := range want {
		wanted[l.key()] = l.Definition
	}
	var out []Difference
	for _, l := range have {
		definition, ok := wanted[l.key()]
		delete(wanted, l.key())
		switch {
		case !ok:
			out = append(out, Difference{Line: l.key(), Have: l.Definition, Unexpected: true})
		case definition != l.Definition:
			out = append(out, Difference{Line: l.key(), Have: l.Definition, Want: definition})
		}
	}
	for _, l := range want {
		if _, missing := wanted[l.key()]; missing {
			out = append(out, Difference{Line: l.key(), Want: l.Definition, Missing: true})
		}
	}
	slices.SortFunc(out, func(a, b Difference) int { return compareLines(a.Line, b.Line) })
	return out
}
