package state

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// add adds a tenant at the end of the list.
func (e *editor) add(entry entry) {
	switch {
	case !e.brackets(e.list):
		e.addBelow(entry)
	case len(e.list.Content) == 0:
		e.addFirst(e.flowEntry(entry))
	case e.ownLine():
		e.addOnLine(e.flowEntry(entry))
	default:
		e.insert(e.end(e.last()), e.separator()+e.flowEntry(entry))
	}
}

// last returns the last tenant of the list, which has some.
func (e *editor) last() *yaml.Node { return e.list.Content[len(e.list.Content)-1] }

// short reports whether the list has tenants that are ids and nothing else.
func (e *editor) short() bool {
	for _, item := range e.list.Content {
		if target(item).Kind == yaml.ScalarNode {
			return true
		}
	}
	return len(e.list.Content) == 0
}

// id returns a tenant's id with such quotes as the last of the list has.
func (e *editor) id(id value) string {
	var last *yaml.Node
	if len(e.list.Content) > 0 {
		last = target(e.last())
	}
	if last != nil && last.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(last.Content); i += 2 {
			if target(last.Content[i]).Value == "id" {
				last = target(last.Content[i+1])
				break
			}
		}
	}
	switch {
	case last == nil || !idPattern.MatchString(id.text):
	case last.Style&yaml.DoubleQuotedStyle != 0:
		return `"` + id.text + `"`
	case last.Style&yaml.SingleQuotedStyle != 0:
		return "'" + id.text + "'"
	}
	return id.flow()
}

// fields returns the fields of an entry as YAML.
func (e *editor) fields(entry entry) []string {
	lines := []string{"id: " + e.id(entry[0].value)}
	for _, f := range entry[1:] {
		lines = append(lines, f.line())
	}
	return lines
}

// flowEntry returns a tenant as it stands in a flow list.
func (e *editor) flowEntry(entry entry) string {
	if len(entry) == 1 && e.short() {
		return e.id(entry[0].value)
	}
	return "{" + strings.Join(e.fields(entry), ", ") + "}"
}

// addFirst adds to an empty flow list: in place of blanks, before a comment.
func (e *editor) addFirst(text string) {
	begin := e.content(e.list) + 1
	end := e.indentation(begin)
	switch e.at(end) {
	case ']':
		e.replace(begin, end, text)
	case '#':
		e.insert(begin, text+" ")
	default:
		e.insert(begin, text)
	}
}

// separator returns what is between the last two tenants of a flow list, where
// that is a comma and some blanks.
func (e *editor) separator() string {
	items := e.list.Content
	if len(items) < 2 {
		return ", "
	}
	between := string(e.source.text[e.end(items[len(items)-2]):e.begin(e.last())])
	if strings.HasPrefix(between, ",") && strings.Trim(between[1:], " ") == "" {
		return between
	}
	return ", "
}

// ownLine reports whether the last tenant of a flow list begins its line.
func (e *editor) ownLine() bool {
	at := e.begin(e.last())
	return e.indentation(e.lineBegin(at)) == at
}

// addOnLine adds to a flow list a tenant on a line of its own. The comment
// beside the last one stays where it is, and a comma at the end is kept up.
func (e *editor) addOnLine(text string) {
	end := e.end(e.last())
	line := e.lineBreak(end) + e.margin(e.begin(e.last())) + text
	bracket := e.closing(end)
	comma := e.skip(end)
	if e.at(comma) == ',' {
		end, line = comma+1, line+","
	} else {
		e.insert(end, ",")
	}
	if e.lineEnd(end) < bracket {
		end = e.lineEnd(end)
	}
	e.insert(end, line)
}

// addBelow adds to a block list.
func (e *editor) addBelow(entry entry) {
	dash := e.content(e.list)
	gap := e.gap()
	lead, margin := e.margin(dash)+"-"+gap, e.margin(dash)+" "+gap
	var lines []string
	switch last := e.last(); {
	case len(entry) == 1 && e.short():
		lines = []string{e.id(entry[0].value)}
	case last.Kind == yaml.MappingNode && last.Style&yaml.FlowStyle != 0:
		lines = []string{"{" + strings.Join(e.fields(entry), ", ") + "}"}
	default:
		lines = e.fields(entry)
	}
	at := e.afterComments(e.end(e.last()), dash)
	lineBreak := e.lineBreak(at)
	text := lead + strings.Join(lines, lineBreak+margin)
	if e.apart() {
		text = lineBreak + text
	}
	e.insertLine(at, text)
}

// gap returns the blanks after the dash of the last tenant of a block list.
func (e *editor) gap() string {
	begin := e.begin(e.last())
	at := begin
	for e.at(at-1) == ' ' {
		at--
	}
	if e.at(at-1) == '-' && at < begin {
		return string(e.source.text[at:begin])
	}
	return " "
}

// apart reports whether the last two tenants of a block list have an empty line
// between them.
func (e *editor) apart() bool {
	items := e.list.Content
	if len(items) < 2 {
		return false
	}
	from, to := e.line(e.end(items[len(items)-2])), e.line(e.begin(e.last()))
	for line := from + 1; line < to; line++ {
		if begin := e.source.lines[line]; e.indentation(begin) == e.lineEnd(begin) {
			return true
		}
	}
	return false
}

// afterComments returns an offset on the last of the comment lines that follow
// a tenant without an empty line and are indented like its dash or more. At
// the margin, a comment like the dash may belong to what comes next.
func (e *editor) afterComments(at, dash int) int {
	indent := max(dash-e.lineBegin(dash), 1)
	for line := e.line(at) + 1; line < len(e.source.lines); line++ {
		begin := e.source.lines[line]
		c := e.indentation(begin)
		if e.at(c) != '#' || c-begin < indent {
			break
		}
		at = c
	}
	return at
}
