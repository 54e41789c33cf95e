package schema

import "github.com/hashicorp/hcl/v2/hclsyntax"

// A rule says what may be in a block. An attribute is in it only if Atlas
// honours it: a test creates a schema with each of them and one without, and
// wants the two to differ.
type rule struct {
	labels    int  // how many labels it has, the last being its name
	qualified bool // the name of a schema may go before the name
	once      bool // Atlas reads the first of them only
	open      bool // attributes have any name
	attrs     map[string]valueCheck
	required  []string
	either    []string // attributes or blocks of which there must be exactly one
	blocks    map[string]*rule
}

// A valueCheck looks at the value of an attribute, as far as it is known before
// the evaluation.
type valueCheck func(*checker, *hclsyntax.Attribute)

// grammar is the language of schema sources: what Atlas reads, less what it
// reads and does not use.
var grammar = &rule{blocks: map[string]*rule{
	"variable": {
		labels:   1,
		attrs:    map[string]valueCheck{"type": variableType, "default": anything, "description": text},
		required: []string{"type"},
	},
	"locals": {open: true},
	"schema": {labels: 1, attrs: map[string]valueCheck{"name": text, "comment": comment}},
	"enum": {
		labels:   1,
		attrs:    map[string]valueCheck{"schema": schemaReference, "values": enumValues},
		required: []string{"schema", "values"},
	},
	"table": {
		labels: 1, qualified: true,
		attrs:    map[string]valueCheck{"schema": schemaReference, "comment": comment, "depends_on": list},
		required: []string{"schema"},
		blocks: map[string]*rule{
			"column":      columnRule,
			"primary_key": {once: true, attrs: map[string]valueCheck{"columns": ownColumns, "include": ownColumns}, required: []string{"columns"}},
			"foreign_key": foreignKeyRule,
			"index":       indexRule,
			"unique": {
				labels:   1,
				attrs:    map[string]valueCheck{"columns": ownColumns, "include": ownColumns, "nulls_distinct": boolean, "comment": comment},
				required: []string{"columns"},
			},
			"check": {labels: 1, attrs: map[string]valueCheck{"expr": text}, required: []string{"expr"}},
			"partition": {
				once:     true,
				attrs:    map[string]valueCheck{"type": word, "columns": ownColumns},
				required: []string{"type"},
				either:   []string{"columns", "by"},
				blocks:   map[string]*rule{"by": partRule(nil)},
			},
		},
	},
}}

var columnRule = &rule{
	labels:   1,
	attrs:    map[string]valueCheck{"type": columnType, "null": boolean, "default": defaultValue, "as": text, "comment": comment},
	required: []string{"type"},
	blocks: map[string]*rule{
		"as": {once: true, attrs: map[string]valueCheck{"expr": text, "type": stored}, required: []string{"expr"}},
		"identity": {
			once:  true,
			attrs: map[string]valueCheck{"generated": word, "start": nonzero, "increment": nonzero},
		},
	},
}

var foreignKeyRule = &rule{
	labels:   1,
	attrs:    map[string]valueCheck{"columns": ownColumns, "ref_columns": list, "on_update": word, "on_delete": word},
	required: []string{"columns", "ref_columns"},
}

var indexRule = &rule{
	labels: 1,
	attrs: map[string]valueCheck{
		"columns": ownColumns, "unique": boolean, "type": word, "where": text, "include": ownColumns,
		"nulls_distinct": boolean, "page_per_range": nonzero, "comment": comment,
	},
	either: []string{"columns", "on"},
	blocks: map[string]*rule{"on": partRule(map[string]valueCheck{
		"desc": boolean, "ops": anything, "nulls_first": boolean, "nulls_last": boolean,
	})},
}

// partRule is the rule of a part of a key: a column or an expression.
func partRule(more map[string]valueCheck) *rule {
	r := &rule{either: []string{"column", "expr"}, attrs: map[string]valueCheck{"column": ownColumn, "expr": text}}
	for name, check := range more {
		r.attrs[name] = check
	}
	return r
}
