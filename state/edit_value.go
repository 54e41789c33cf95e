package state

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// value is what a part of a document says, whatever it looks like: two parts
// are equal if every YAML reader takes them for the same.
type value struct {
	kind    yaml.Kind // a scalar, a sequence or a mapping
	text    string    // of a scalar
	meaning meaning   // of a scalar
	content []value   // items, or keys and values in turn
}

// valueOf returns what a node says, its aliases followed.
func valueOf(n *yaml.Node) value {
	n = target(n)
	if n.Kind == yaml.ScalarNode {
		return value{kind: n.Kind, text: n.Value, meaning: meaningOf(n)}
	}
	v := value{kind: n.Kind}
	for _, child := range n.Content {
		v.content = append(v.content, valueOf(child))
	}
	return v
}

// textValue is text.
func textValue(s string) value { return value{kind: yaml.ScalarNode, text: s, meaning: text} }

// listValue is a list of texts.
func listValue(items []string) value {
	v := value{kind: yaml.SequenceNode}
	for _, item := range items {
		v.content = append(v.content, textValue(item))
	}
	return v
}

// mapValue is a mapping of texts, sorted by key.
func mapValue(m map[string]string) value {
	v := value{kind: yaml.MappingNode}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		v.content = append(v.content, textValue(k), textValue(m[k]))
	}
	return v
}

// equal reports whether two values say the same.
func (v value) equal(w value) bool {
	return v.kind == w.kind && v.text == w.text && v.meaning == w.meaning && slices.EqualFunc(v.content, w.content, value.equal)
}

// isUTF8 reports whether all of a value is text that a file can hold.
func (v value) isUTF8() bool {
	return utf8.ValidString(v.text) && !slices.ContainsFunc(v.content, func(c value) bool { return !c.isUTF8() })
}

// flow returns a value of texts as YAML that is good wherever it stands.
func (v value) flow() string {
	var parts []string
	switch v.kind {
	case yaml.SequenceNode:
		for _, item := range v.content {
			parts = append(parts, item.flow())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case yaml.MappingNode:
		for i := 0; i < len(v.content); i += 2 {
			parts = append(parts, v.content[i].flow()+": "+v.content[i+1].flow())
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return scalar(v.text)
}

// get returns the value of a key.
func (v value) get(key string) (value, bool) {
	for i := 0; i+1 < len(v.content); i += 2 {
		if v.content[i].text == key {
			return v.content[i+1], true
		}
	}
	return value{}, false
}

// with returns a mapping with a field set: in its place, else at the end.
func (v value) with(f assignment) value {
	v.content = slices.Clone(v.content)
	for i := 0; i+1 < len(v.content); i += 2 {
		if v.content[i].text == f.name {
			v.content[i+1] = f.value
			return v
		}
	}
	v.content = append(v.content, textValue(f.name), f.value)
	return v
}

// asMapping returns a tenant as a mapping, also where it is only an id.
func asMapping(tenant value) value {
	if tenant.kind == yaml.ScalarNode {
		return value{kind: yaml.MappingNode, content: []value{textValue("id"), tenant}}
	}
	return tenant
}

// assignment is a field of a tenant and what it is to say.
type assignment struct {
	name  string
	value value
}

// line returns the field as YAML.
func (f assignment) line() string { return f.name + ": " + f.value.flow() }

// entry is a tenant that is to be written: its fields, the id first.
type entry []assignment

// newEntry returns what is to be written of a tenant.
func newEntry(t Tenant) entry {
	all := entry{{"id", textValue(t.ID)}}
	add := func(given bool, name string, v value) {
		if given {
			all = append(all, assignment{name, v})
		}
	}
	add(t.Name != "", "name", textValue(t.Name))
	add(t.Services != nil, "services", listValue(t.Services))
	add(t.Database != "", "database", textValue(t.Database))
	add(t.Schema != "", "schema", textValue(t.Schema))
	add(len(t.Labels) > 0, "labels", mapValue(t.Labels))
	add(len(t.Vars) > 0, "vars", mapValue(t.Vars))
	return all
}

// value returns what the entry says in its long form.
func (e entry) value() value {
	v := value{kind: yaml.MappingNode}
	for _, f := range e {
		v = v.with(f)
	}
	return v
}
