package state

import (
	"bytes"
	"sort"
	"unicode"
	"unicode/utf8"

	"tenantry/internal/diag"
)

// source is the text of a file and where its lines are. It turns a line and a
// column of characters, as the YAML reader counts, into a position in bytes.
type source struct {
	path  string
	text  []byte // without the byte-order mark
	lines []int  // the offset of each line
	marks map[int][]int
}

// stride is how many characters lie between two marks of a line.
const stride = 64

// byteOrderMark is skipped at the beginning of a file and is in no column.
var byteOrderMark = []byte("\ufeff")

// newSource checks that src is text and finds its lines.
func newSource(path string, src []byte, p *problems) *source {
	s := &source{path: path, lines: []int{0}, marks: map[int][]int{}}
	if len(src) > maxSize {
		p.errorf(diag.Pos{File: path}, CodeFileTooLarge, "the file has more than %d MiB", maxSize>>20)
		return s
	}
	if isUTF16(src) {
		p.errorf(s.at(0), CodeInvalidText, "the file is UTF-16, not UTF-8")
		p.hintf("save it as UTF-8")
		return s
	}
	s.text = bytes.TrimPrefix(src, byteOrderMark)
	for i := 0; i < len(s.text); {
		c, width := utf8.DecodeRune(s.text[i:])
		if problem := unreadable(c, width); problem != "" {
			p.errorf(s.at(i), CodeInvalidText, "%s", problem)
			return s
		}
		i += width
		if c == '\n' || c == '\r' && !bytes.HasPrefix(s.text[i:], []byte("\n")) {
			s.lines = append(s.lines, i)
		}
	}
	return s
}

// isUTF16 reports whether src looks like UTF-16 in either order.
func isUTF16(src []byte) bool {
	return bytes.HasPrefix(src, []byte("\xff\xfe")) || bytes.HasPrefix(src, []byte("\xfe\xff")) ||
		len(src) > 1 && (src[0] == 0) != (src[1] == 0)
}

// unreadable says why c cannot be in a file, or "".
func unreadable(c rune, width int) string {
	switch {
	case c == utf8.RuneError && width == 1:
		return "the file is not UTF-8 here"
	case c == '\t' || c == '\n' || c == '\r':
		return ""
	case c == '\u0085' || c == '\u2028' || c == '\u2029':
		return "this line break (" + codePoint(c) + ") is not one to every YAML reader"
	case unicode.IsControl(c) || c == '\ufeff' || c == '\ufffe' || c == '\uffff':
		return "the character " + codePoint(c) + " cannot be in the file"
	}
	return ""
}

// at returns the position of the byte at offset.
func (s *source) at(offset int) diag.Pos {
	line := sort.SearchInts(s.lines, offset+1) - 1
	return diag.Pos{File: s.path, Line: line + 1, Column: offset - s.lines[line] + 1}
}

// pos returns the position of a character, given by line and column from 1.
func (s *source) pos(line, column int) diag.Pos {
	if line < 1 || line > len(s.lines) {
		return diag.Pos{File: s.path, Line: max(1, min(line, len(s.lines))), Column: 1}
	}
	marks := s.lineMarks(line)
	last := min((column-1)/stride, len(marks)-1)
	offset := marks[last]
	for range column - 1 - last*stride {
		_, width := utf8.DecodeRune(s.text[offset:])
		offset += width
	}
	return diag.Pos{File: s.path, Line: line, Column: offset - s.lines[line-1] + 1}
}

// lineMarks returns the offsets of every stride-th character of a line.
func (s *source) lineMarks(line int) []int {
	if marks, ok := s.marks[line]; ok {
		return marks
	}
	start, end := s.lines[line-1], len(s.text)
	if line < len(s.lines) {
		end = s.lines[line]
	}
	if end-start <= stride {
		return []int{start}
	}
	var marks []int
	for i, n := start, 0; i < end; n++ {
		if n%stride == 0 {
			marks = append(marks, i)
		}
		_, width := utf8.DecodeRune(s.text[i:])
		i += width
	}
	s.marks[line] = marks
	return marks
}

// firstOf returns the position of the first character of a line that is not blank.
func (s *source) firstOf(line int) diag.Pos {
	offset := s.lines[max(1, min(line, len(s.lines)))-1]
	for offset < len(s.text)-1 && (s.text[offset] == ' ' || s.text[offset] == '\t') {
		offset++
	}
	return s.at(offset)
}
