package schema

import (
	"maps"
	"slices"
)

// A Place is where in PostgreSQL's catalogs a part of a schema is described: the
// rows that a catalog has of one relation. The zero Place is all that belongs to
// no relation.
type Place struct {
	Relation string
	Catalog  Catalog
}

// A Catalog is one of those that describe relations.
type Catalog string

// The catalogs, by what a row is of.
const (
	CatalogRelation      Catalog = "relation"
	CatalogAttribute     Catalog = "attribute"
	CatalogDefault       Catalog = "default"
	CatalogConstraint    Catalog = "constraint"
	CatalogIndex         Catalog = "index"
	CatalogIndexRelation Catalog = "index relation" // the index as a relation
	CatalogTrigger       Catalog = "trigger"
	CatalogPolicy        Catalog = "policy"
	CatalogRewrite       Catalog = "rewrite"
	CatalogSequence      Catalog = "sequence"
	CatalogInherits      Catalog = "inherits"
	CatalogDescription   Catalog = "description"
)

// printedFrom lists the kinds of lines that are printed from each catalog's rows.
var printedFrom = map[Catalog][]Kind{
	CatalogRelation:      {KindTable, KindReplicaIdentity, KindRowSecurity, KindView, KindMaterializedView, KindSequence, KindOwnedSequence},
	CatalogAttribute:     {KindColumn, KindColumnOptions, KindNotNull, KindIdentity},
	CatalogDefault:       {KindDefault, KindColumn},
	CatalogConstraint:    {KindConstraint, KindNotNull},
	CatalogIndex:         {KindIndex, KindMaterializedViewIndex, KindCluster, KindReplicaIdentity},
	CatalogIndexRelation: {KindIndex, KindMaterializedViewIndex, KindConstraint},
	CatalogTrigger:       {KindTrigger},
	CatalogPolicy:        {KindPolicy},
	CatalogRewrite:       {KindRule, KindView, KindMaterializedView},
	CatalogSequence:      {KindSequence, KindOwnedSequence, KindIdentity},
	CatalogInherits:      {KindTable},
	CatalogDescription:   {KindComment, KindObjectComment},
}

// A Scope is what a transition touches of a schema, where it touches relations
// only and nothing else: then whoever makes sure that the lines printed from there
// are what was proven has made sure of all that the transition did.
type Scope struct {
	Relations []string  // sorted
	Catalogs  []Catalog // sorted: those whose rows of these relations are touched
	Kinds     []Kind    // sorted: those that are printed from there
	Hash      string    // of the lines of these kinds and relations afterwards
}

// newScope returns what has been touched between two looks at the marks of a
// schema and its lines, or nil where not only relations were.
func newScope(marks, marksAfter map[Place]string, lines, linesAfter []Line) *Scope {
	relations, catalogs, kinds := make(map[string]bool), make(map[Catalog]bool), make(map[Kind]bool)
	for _, all := range []map[Place]string{marks, marksAfter} {
		for at := range all {
			if marks[at] == marksAfter[at] {
				continue
			}
			if at == (Place{}) {
				return nil
			}
			relations[at.Relation], catalogs[at.Catalog] = true, true
			for _, k := range printedFrom[at.Catalog] {
				kinds[k] = true
			}
		}
	}
	for _, d := range Differences(lines, linesAfter) { // what is printed of others, as of a table that is referred to
		if d.relation() == "" {
			return nil
		}
		relations[d.relation()], kinds[d.Kind] = true, true
	}
	s := &Scope{Relations: slices.Sorted(maps.Keys(relations)), Catalogs: slices.Sorted(maps.Keys(catalogs)), Kinds: slices.Sorted(maps.Keys(kinds))}
	var texts []string
	for _, l := range linesAfter {
		if relations[l.relation()] && kinds[l.Kind] {
			texts = append(texts, l.text())
		}
	}
	s.Hash = hashLines(texts)
	return s
}
