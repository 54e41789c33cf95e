package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"tenantry/internal/diag"
)

// document reads the one document of the file and returns its root, or nil
// after an error.
func (r *reader) document() *yaml.Node {
	documents, err := decode(bytes.NewReader(r.source.text))
	switch {
	case err != nil:
		r.syntaxError(err)
		return nil
	case len(documents) > 1:
		r.errorf(r.pos(documents[1]), CodeSeveralDocuments, "a second document begins here")
		r.hintf("the file is one document: remove the line ---")
		return nil
	case len(documents) == 0:
		documents = []*yaml.Node{{Content: []*yaml.Node{{Kind: yaml.ScalarNode, Line: 1, Column: 1}}}}
	}
	root := documents[0].Content[0]
	if isNothing(root) {
		r.absent("tenants", root)
		return nil
	}
	return root
}

// decode reads up to two documents. The YAML reader panics on some odd input;
// that is an error like others.
func decode(in io.Reader) (documents []*yaml.Node, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("yaml: %v", v)
		}
	}()
	for decoder := yaml.NewDecoder(in); len(documents) < 2; {
		var n yaml.Node
		if err := decoder.Decode(&n); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		documents = append(documents, &n)
	}
	return documents, nil
}

// messageLine is how the YAML reader says where: roughly, and not always.
var messageLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntaxHints says what to do, by a part of the YAML reader's message.
var syntaxHints = []struct{ part, hint string }{
	{"cannot start any token", "quote the value"},
	{"mapping values are not allowed", `indent it like its neighbours; a text that contains ": " needs quotes`},
	{"unexpected end of stream", "a quote that opens here is not closed"},
	{"expected ',' or ']'", "a [ before it is not closed"},
	{"expected ',' or '}'", "a { before it is not closed"},
	{"expected key", "indent it like its neighbours"},
	{"expected '-' indicator", "indent it like its neighbours"},
	{"could not find expected ':'", `write "key: value"`},
	{"unknown anchor", "an anchor comes before its aliases"},
}

// syntaxError adds what the YAML reader found.
func (r *reader) syntaxError(err error) {
	pos, message := r.source.stopped(err)
	if strings.Contains(message, "tab character") || strings.Contains(message, "cannot start any token") {
		if tab, found := r.source.tabAround(pos.Line); found {
			r.errorf(tab, CodeInvalidYAML, "a tab cannot indent")
			r.hintf("indent with spaces")
			return
		}
	}
	r.errorf(pos, CodeInvalidYAML, "%s", redact(message))
	for _, h := range syntaxHints {
		if strings.Contains(message, h.part) {
			r.hintf("%s", h.hint)
			return
		}
	}
}

// lookahead is how far the YAML reader reads beyond the character it is at.
const lookahead = 4

// trickle hands out its text byte by byte, to see how much of it was wanted.
type trickle struct {
	text []byte
	read int
}

// Read implements io.Reader.
func (t *trickle) Read(p []byte) (int, error) {
	if t.read == len(t.text) {
		return 0, io.EOF
	}
	t.read += copy(p[:1], t.text[t.read:])
	return 1, nil
}

// stopped returns what the YAML reader has to say about the text, and the line
// at which it gave up, with the column where that line's own text begins.
//
// The line in its message is only good for an open quote. Otherwise it is that
// of the list or mapping around the mistake, or none, so the text is read again
// to see where reading ends.
func (s *source) stopped(err error) (diag.Pos, string) {
	in := &trickle{text: append(slices.Clip(s.text), '\n')}
	if _, again := decode(in); again != nil {
		err = again
	}
	where := messageLine.FindStringSubmatch(err.Error())
	if where == nil {
		return s.at(0), err.Error()
	}
	message := strings.TrimPrefix(err.Error(), where[0])
	if strings.Contains(message, "unexpected end of stream") {
		line, _ := strconv.Atoi(where[1])
		if line == 0 || line > s.at(len(bytes.TrimSpace(s.text))).Line {
			line = 1 // the reader's word for it is the end of the text
		}
		return s.firstOf(line), message
	}
	offset := min(max(0, in.read-lookahead), len(s.text)-1)
	for offset > 0 && bytes.IndexByte([]byte(" \t\r\n"), s.text[offset]) >= 0 {
		offset--
	}
	line := s.at(offset).Line
	if strings.Contains(message, "expected key") || strings.Contains(message, "expected '-' indicator") {
		line = s.firstBroken(line, message)
	}
	return s.firstOf(line), message
}

// firstBroken returns the first of the few lines up to line whose end is broken
// in the same way: after a value the YAML reader looks into the next lines.
func (s *source) firstBroken(line int, message string) int {
	for range 3 {
		if line == 1 {
			break
		}
		_, err := decode(bytes.NewReader(s.text[:s.lines[line-1]]))
		if err == nil || !strings.HasSuffix(err.Error(), message) {
			break
		}
		line--
	}
	return line
}

// tabAround returns the position of a tab that indents a line or the next.
func (s *source) tabAround(line int) (diag.Pos, bool) {
	for _, start := range s.lines[line-1 : min(line+1, len(s.lines))] {
		for i := start; i < len(s.text) && (s.text[i] == ' ' || s.text[i] == '\t'); i++ {
			if s.text[i] == '\t' {
				return s.at(i), true
			}
		}
	}
	return diag.Pos{}, false
}
