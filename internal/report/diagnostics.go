package report

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"tenantry/internal/diag"
)

// Diagnostics writes a list as compilers do: each in its one-line form, then
// the line of the source that it is about, with a caret under the column. source
// reads a file that a diagnostic names; it may be nil, and where it fails the
// one-line form has to do.
func Diagnostics(w io.Writer, list diag.List, source func(path string) ([]byte, error), s Style) error {
	d := diagnostics{w: bufio.NewWriter(w), style: s, source: source, files: make(map[string][]string)}
	for _, one := range list {
		d.headline(one)
		d.excerpt(one.Pos)
	}
	return d.w.Flush() // bufio keeps the first error
}

// diagnostics is the writing of one list.
type diagnostics struct {
	w      *bufio.Writer
	style  Style
	source func(string) ([]byte, error)
	files  map[string][]string // lines, by path; each file is read once
}

// headline writes the form that scripts rely on; colour only repeats the
// severity.
func (d *diagnostics) headline(one diag.Diagnostic) {
	line, start := clean(one.String()), 0
	if pos := clean(one.Pos.String()); pos != "" {
		start = len(pos) + len(": ")
	}
	c := red
	if one.Severity != diag.Error {
		c = yellow
	}
	end := start + len(clean(string(one.Severity)+"["+one.Code+"]:"))
	d.w.WriteString(d.style.paint(bold, line[:start]) + d.style.paint(c, line[start:end]) + line[end:] + "\n")
}

const (
	excerptIndent = "    "
	excerptWidth  = 120   // where the terminal's is not known
	reach         = 1_000 // as far from a position nobody looks, in bytes
)

// excerpt writes the line of a position and a caret under its column.
func (d *diagnostics) excerpt(pos diag.Pos) {
	lines := d.lines(pos.File)
	if pos.Line < 1 || pos.Line > len(lines) {
		return
	}
	line := lines[pos.Line-1]
	at := runeStart(line, min(max(pos.Column-1, 0), len(line)))
	width := excerptWidth
	if d.style.Width > 0 {
		width = max(d.style.Width, narrowest)
	}
	from, to := runeStart(line, max(at-reach, 0)), runeStart(line, min(at+reach, len(line)))
	before, after := window(shown(line[from:at]), shown(line[at:to]), width-len(excerptIndent)-2)
	text := strings.TrimRight(strings.Join(before, "")+strings.Join(after, ""), " \t")
	if text == "" {
		return
	}
	d.w.WriteString(excerptIndent + text + "\n")
	if pos.Column > 0 {
		d.w.WriteString(excerptIndent + blank(before) + d.style.paint(green, "^") + "\n")
	}
}

// lines reads a file. A byte-order mark is no part of its first line: columns
// do not count it.
func (d *diagnostics) lines(path string) []string {
	if lines, known := d.files[path]; known {
		return lines
	}
	var lines []string
	if d.source != nil && path != "" {
		if text, err := d.source(path); err == nil {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
			lines = strings.Split(lineBreaks.Replace(string(text)), "\n")
		}
	}
	d.files[path] = lines
	return lines
}

// runeStart returns where the character begins that the byte at is a part of.
func runeStart(line string, at int) int {
	for back := range min(at+1, utf8.UTFMax) {
		if r, size := utf8.DecodeRuneInString(line[at-back:]); r != utf8.RuneError && size > back {
			return at - back
		}
	}
	return at
}

// shown returns what to show of a line, character by character: tabs as they
// are, so that what is below them stays below them.
func shown(line string) []string {
	var out []string
	for i := 0; i < len(line); {
		r, size := utf8.DecodeRuneInString(line[i:])
		if r == '\t' {
			out = append(out, "\t")
		} else {
			out = append(out, cleanRune(r, line[i:i+size]))
		}
		i += size
	}
	return out
}

// window cuts a line around a column, so that it fits the width. Two thirds are
// for what comes before: that is where the keys are.
func window(before, after []string, width int) (left, right []string) {
	total, rest := size(before), size(after)
	if total+rest <= width {
		return before, after
	}
	if room := width - min(rest, width/3); total > room {
		for total > room-1 {
			total -= size(before[:1])
			before = before[1:]
		}
		before, total = append([]string{"…"}, before...), total+1
	}
	if room := width - total; rest > room {
		n, used := 0, 0
		for n < len(after) && used+size(after[n:n+1]) < room {
			used += size(after[n : n+1])
			n++
		}
		after = append(after[:n:n], "…")
	}
	return before, after
}

// tabCells is how many columns a tab is taken to have; it matters only for
// where a long line is cut.
const tabCells = 8

func size(shown []string) int {
	n := 0
	for _, s := range shown {
		if s == "\t" {
			n += tabCells
		} else {
			n += cells(s)
		}
	}
	return n
}

// blank returns white space as wide as what is shown.
func blank(shown []string) string {
	var b strings.Builder
	for _, s := range shown {
		if s == "\t" {
			b.WriteByte('\t')
		} else {
			b.WriteString(strings.Repeat(" ", cells(s)))
		}
	}
	return b.String()
}
