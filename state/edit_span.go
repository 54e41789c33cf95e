package state

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// The YAML reader says where a node begins. Where it ends is found here, by
// what is known of the node.

// begin returns the offset of a node, its anchor and tag included.
func (e *editor) begin(n *yaml.Node) int {
	pos := e.place(n)
	return e.source.lines[pos.Line-1] + pos.Column - 1
}

// properties returns the offset after a node's anchor and tag, or begin where
// it has neither.
func (e *editor) properties(n *yaml.Node) int {
	end := e.begin(n)
	anchor, tag := n.Kind != yaml.AliasNode && n.Anchor != "", n.Style&yaml.TaggedStyle != 0
	for at := end; anchor && e.at(at) == '&' || tag && e.at(at) == '!'; at = e.skip(end) {
		anchor, tag = anchor && e.at(at) != '&', tag && e.at(at) != '!'
		for end = at; end < len(e.source.text) && !blank(e.at(end)); {
			end++
		}
	}
	return end
}

// content returns the offset of a node without its anchor and tag.
func (e *editor) content(n *yaml.Node) int {
	at := e.properties(n)
	if at == e.begin(n) {
		return at
	}
	return e.skip(at)
}

// end returns the offset after a node. That of a block scalar does not include
// the last line break.
func (e *editor) end(n *yaml.Node) int {
	switch {
	case n.Kind == yaml.AliasNode:
		return e.begin(n) + len("*") + len(n.Value)
	case n.Kind == yaml.ScalarNode:
		return e.scalarEnd(n)
	case len(n.Content) == 0:
		return e.closing(e.content(n)+1) + 1
	}
	last := e.end(n.Content[len(n.Content)-1])
	if e.brackets(n) {
		return e.closing(last) + 1
	}
	return last
}

// brackets reports whether a list or mapping is in brackets. One that is a pair
// in a flow list, as in [id: acme], is not.
func (e *editor) brackets(n *yaml.Node) bool {
	c := e.at(e.content(n))
	return n.Style&yaml.FlowStyle != 0 && (c == '[' || c == '{')
}

// closing returns the offset of the bracket that closes a flow collection whose
// last item ends at an offset.
func (e *editor) closing(at int) int {
	at = e.skip(at)
	if e.at(at) == ',' {
		at = e.skip(at + 1)
	}
	return min(at, len(e.source.text)-1)
}

// scalarEnd returns the offset after a scalar.
func (e *editor) scalarEnd(n *yaml.Node) int {
	at := e.content(n)
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		for at++; at < len(e.source.text) && e.at(at) != '"'; at++ {
			if e.at(at) == '\\' {
				at++
			}
		}
		return at + 1
	case n.Style&yaml.SingleQuotedStyle != 0:
		for at++; at < len(e.source.text) && (e.at(at) != '\'' || e.at(at+1) == '\''); at++ {
			if e.at(at) == '\'' {
				at++
			}
		}
		return at + 1
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return e.blockEnd(at, n.Value)
	case n.Value == "":
		return e.properties(n)
	}
	return e.plainEnd(at, n.Value)
}

// plainEnd returns the offset after an unquoted scalar: its text, in which white
// space may have become other white space.
func (e *editor) plainEnd(at int, text string) int {
	for i := range len(text) {
		if text[i] != ' ' && text[i] != '\t' && text[i] != '\n' {
			at++
			continue
		}
		for blank(e.at(at)) {
			at++
		}
	}
	return at
}

// blockEnd returns the offset after the last line of a block scalar whose
// header is at an offset: the lines that are indented as its first is. Blank
// lines after them belong to it if the header says so.
func (e *editor) blockEnd(at int, text string) int {
	first := strings.TrimLeft(text, "\n")
	extra := len(first) - len(strings.TrimLeft(first, " "))
	end := e.lineEnd(at)
	keep := bytes.IndexByte(e.source.text[at:end], '+') >= 0
	indent := 0 // until there is a line with text
	for line := e.line(at) + 1; line < len(e.source.lines); line++ {
		begin := e.source.lines[line]
		c := e.indentation(begin)
		switch {
		case c == len(e.source.text):
			return end
		case c == e.lineEnd(begin) && !keep:
			continue
		case c != e.lineEnd(begin) && indent == 0:
			indent = max(c-begin-extra, 1)
		}
		if c != e.lineEnd(begin) && c-begin < indent {
			return end
		}
		end = e.lineEnd(begin)
	}
	return end
}

// blank reports whether c is white space.
func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// at returns the byte at an offset, or 0 beyond the text.
func (e *editor) at(offset int) byte {
	if offset < 0 || offset >= len(e.source.text) {
		return 0
	}
	return e.source.text[offset]
}

// skip returns the offset after white space, line breaks and comments.
func (e *editor) skip(at int) int {
	for at < len(e.source.text) {
		switch e.at(at) {
		case ' ', '\t', '\r', '\n':
			at++
		case '#':
			at = e.lineEnd(at)
		default:
			return at
		}
	}
	return at
}

// line returns which line an offset is on, from 0.
func (e *editor) line(at int) int { return e.source.at(at).Line - 1 }

// lineBegin returns the offset of the line that an offset is on.
func (e *editor) lineBegin(at int) int { return e.source.lines[e.line(at)] }

// lineEnd returns the offset of the line break after an offset, or the end.
func (e *editor) lineEnd(at int) int {
	if i := bytes.IndexAny(e.source.text[min(at, len(e.source.text)):], "\r\n"); i >= 0 {
		return at + i
	}
	return len(e.source.text)
}

// indentation returns the offset of the first character of a line that is not
// white space, or of its end.
func (e *editor) indentation(begin int) int {
	for e.at(begin) == ' ' || e.at(begin) == '\t' {
		begin++
	}
	return begin
}

// margin returns the white space that puts a line's text below an offset.
func (e *editor) margin(at int) string {
	before := e.source.text[e.lineBegin(at):at]
	if len(bytes.TrimSpace(before)) == 0 {
		return string(before)
	}
	return strings.Repeat(" ", utf8.RuneCount(before))
}

// lineBreak returns the line break in use at an offset: the one after it, else
// the one before it, else a line feed.
func (e *editor) lineBreak(at int) string {
	begin := e.lineEnd(at)
	if line := e.line(at); begin == len(e.source.text) && line > 0 {
		begin = e.lineEnd(e.source.lines[line-1])
	}
	rest := e.source.text[begin:]
	switch {
	case bytes.HasPrefix(rest, []byte("\r\n")):
		return "\r\n"
	case bytes.HasPrefix(rest, []byte("\r")):
		return "\r"
	}
	return "\n"
}
