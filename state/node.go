package state

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"tenantry/internal/diag"
)

const (
	maxNesting  = 50      // levels of lists and mappings, aliases followed
	maxExpanded = 100_000 // nodes reached through aliases
)

// pos returns where n is written; of an alias, where the alias is.
func (r *reader) pos(n *yaml.Node) diag.Pos { return r.source.pos(n.Line, n.Column) }

// target returns the node that n stands for.
func target(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// bounded reports whether the document, with its aliases followed, is small
// enough to be walked.
func (r *reader) bounded(root *yaml.Node) bool {
	var (
		path     []*yaml.Node // the aliased nodes around the one that is walked
		expanded int
		walk     func(n *yaml.Node, depth int) bool
	)
	refuse := func(n *yaml.Node, code, format string, args ...any) bool {
		r.errorf(r.pos(n), code, format, args...)
		return false
	}
	walk = func(n *yaml.Node, depth int) bool {
		if depth > maxNesting {
			return refuse(n, CodeNestingTooDeep, "more than %d lists and mappings inside each other", maxNesting)
		}
		if len(path) > 0 {
			expanded++
		}
		if expanded > maxExpanded {
			return refuse(n, CodeTooManyAliases, "aliases expand to more than %d values", maxExpanded)
		}
		if n.Kind == yaml.AliasNode {
			if slices.Contains(path, n.Alias) {
				return refuse(n, CodeAliasCycle, "the alias %s is inside of what it stands for", quote("*"+n.Value))
			}
			path = append(path, n.Alias)
			defer func() { path = path[:len(path)-1] }()
			return walk(n.Alias, depth)
		}
		for _, child := range n.Content {
			if !walk(child, depth+1) {
				return false
			}
		}
		return true
	}
	return walk(root, 0)
}

// kindOf names what n is, for messages.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch meaningOf(n) {
	case nothing:
		return "nothing"
	case boolean, integer, decimal:
		return n.Value
	}
	return "text"
}

// is reports whether n is of a kind and carries no tag; otherwise it is an error.
func (r *reader) is(n *yaml.Node, kind yaml.Kind, what, wanted string) bool {
	at, n := n, target(n)
	switch {
	case n.Style&yaml.TaggedStyle != 0 && n.Tag != "!!str":
		r.errorf(r.pos(at), CodeUnsupportedTag, "the tag %s is not supported", quote(n.Tag))
		r.hintf("write the value without it")
	case n.Kind == kind && !isNothing(n):
		return true
	case isNothing(n):
		r.errorf(r.pos(at), CodeEmptyValue, "%s is empty", what)
		switch {
		case wanted != "text":
			r.hintf("give %s, or leave it out", wanted)
		case n.Value != "":
			r.hintf("if the text %s is meant, quote it", n.Value)
		}
	default:
		r.errorf(r.pos(at), CodeWrongType, "%s must be %s, not %s", what, wanted, kindOf(n))
	}
	return false
}

// list returns the items of a list.
func (r *reader) list(n *yaml.Node, what string) ([]*yaml.Node, bool) {
	if !r.is(n, yaml.SequenceNode, what, "a list") {
		return nil, false
	}
	return target(n).Content, true
}

// pair is a key of a mapping and its value.
type pair struct {
	key   string
	at    *yaml.Node // the key's node
	value *yaml.Node
}

// mapping returns the pairs of a mapping that have sound keys, in order.
func (r *reader) mapping(n *yaml.Node, what string) ([]pair, bool) {
	if !r.is(n, yaml.MappingNode, what, "a mapping") {
		return nil, false
	}
	content := target(n).Content
	pairs := make([]pair, 0, len(content)/2)
	seen := make(map[string]*yaml.Node, len(content)/2)
	for i := 0; i+1 < len(content); i += 2 {
		key, ok := r.key(content[i], what)
		if !ok {
			continue
		}
		if first, given := seen[key]; given {
			r.errorf(r.pos(content[i]), CodeDuplicateKey, "%s is given twice", quote(key))
			r.hintf("also at %s", r.pos(first))
			continue
		}
		seen[key] = content[i]
		pairs = append(pairs, pair{key, content[i], content[i+1]})
	}
	return pairs, true
}

// key returns the text of a mapping's key.
func (r *reader) key(n *yaml.Node, what string) (string, bool) {
	if at := target(n); at.Kind == yaml.ScalarNode && at.Tag == "!!merge" {
		r.errorf(r.pos(n), CodeMergeKey, "merge keys (<<) are not supported")
		r.hintf(`what many tenants have in common goes into "defaults"`)
		return "", false
	}
	what = "a key of " + what
	if !r.is(n, yaml.ScalarNode, what, "text") {
		return "", false
	}
	at := target(n)
	switch meaningOf(at) {
	case text:
		return at.Value, true
	case ambiguous:
		r.ambiguous(n)
	default:
		r.errorf(r.pos(n), CodeWrongType, "%s must be text, not %s", what, at.Value)
		r.hintf("quote it")
	}
	return "", false
}

// field is a key that a mapping may have, and what reads its value.
type field struct {
	name string
	read func(*yaml.Node)
}

// object reads a mapping that has some of these fields and no others.
func (r *reader) object(n *yaml.Node, what string, fields ...field) bool {
	pairs, ok := r.mapping(n, what)
	for _, p := range pairs {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == p.key })
		if i >= 0 {
			fields[i].read(p.value)
			continue
		}
		r.unknownField(p, what, fields)
	}
	return ok
}

// unknownField adds an error about a key that no field has.
func (r *reader) unknownField(p pair, what string, fields []field) {
	r.errorf(r.pos(p.at), CodeUnknownField, "%s is not a field of %s", quote(p.key), what)
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	if !r.suggest(p.key, names) {
		r.hintf("its fields are %s", enumerate(names))
	}
}

// enumerate returns "a, b and c".
func enumerate(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	case 2:
		return fmt.Sprintf("%s and %s", words[0], words[1])
	default:
		return fmt.Sprintf("%s, %s", words[0], enumerate(words[1:]))
	}
}
