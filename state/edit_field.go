package state

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// set sets a field of a tenant, which is not an alias of a mapping.
func (e *editor) set(item *yaml.Node, f assignment) {
	if target(item).Kind == yaml.ScalarNode {
		e.lengthen(item, f)
		return
	}
	for i := 0; i+1 < len(item.Content); i += 2 {
		if target(item.Content[i]).Value == f.name {
			e.setValue(item.Content[i], item.Content[i+1], f.value.flow())
			return
		}
	}
	e.addField(item, f)
}

// lengthen turns a tenant that is only an id into a mapping with one field more.
// An anchor stays with the id.
func (e *editor) lengthen(item *yaml.Node, f assignment) {
	begin, end := e.begin(item), e.end(item)
	id := string(e.source.text[begin:end])
	if strings.ContainsAny(id, "\r\n") {
		id = strings.TrimLeft(string(e.source.text[begin:e.properties(item)])+" ", " ") + scalar(target(item).Value)
	}
	if e.brackets(e.list) {
		e.replace(begin, end, "{id: "+id+", "+f.line()+"}")
		return
	}
	e.replace(begin, end, "id: "+id)
	e.insertLine(end, e.margin(begin)+f.line())
}

// addField adds a field at the end of a mapping.
func (e *editor) addField(item *yaml.Node, f assignment) {
	last := e.end(item.Content[len(item.Content)-1])
	switch {
	case e.brackets(item):
		e.insert(last, ", "+f.line())
	case item.Style&yaml.FlowStyle != 0:
		e.insert(e.begin(item), "{")
		e.insert(last, ", "+f.line()+"}")
	default:
		e.insertLine(last, e.margin(e.content(item))+f.line())
	}
}

// setValue puts text in place of the value of a key. Where that is a list or
// mapping below the key, the text goes beside the key.
func (e *editor) setValue(key, old *yaml.Node, text string) {
	begin, end := e.begin(old), e.end(old)
	block := old.Kind != yaml.ScalarNode && old.Kind != yaml.AliasNode && old.Style&yaml.FlowStyle == 0
	colon := e.skip(e.end(key))
	if !block || e.line(colon) == e.line(begin) {
		e.replace(begin, end, text)
		return
	}
	e.insert(colon+1, " "+text)
	e.replace(e.lineEnd(e.source.lines[e.line(begin)-1]), e.lineEnd(end), "")
}

// insertLine puts a line of text after the line that an offset is on.
func (e *editor) insertLine(at int, text string) {
	e.insert(e.lineEnd(at), e.lineBreak(at)+text)
}
