package report

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// colour is an SGR parameter, see ECMA-48, section 8.3.117. The zero value is
// none.
type colour string

const (
	plain  colour = ""
	bold   colour = "1"
	dim    colour = "2"
	red    colour = "1;31"
	green  colour = "32"
	yellow colour = "33"
)

// paint colours text, where the style wants any. The text is clean already.
func (s Style) paint(c colour, text string) string {
	if !s.Color || c == plain || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// clean makes text safe to show on one line: whatever does not print, be it a
// control character, a change of writing direction, or a byte that is no UTF-8,
// is shown by its number.
func clean(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		b.WriteString(cleanRune(r, text[i:i+size]))
		i += size
	}
	return b.String()
}

// cleanRune returns what to show of a rune that was read from raw.
func cleanRune(r rune, raw string) string {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		return fmt.Sprintf(`\x%02x`, raw[0])
	case strconv.IsPrint(r):
		return raw
	case r < utf8.RuneSelf:
		return strings.Trim(strconv.QuoteRune(r), "'")
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// cells returns how many columns of a terminal the text takes. It is clean.
func cells(text string) int {
	n := 0
	for _, r := range text {
		n += runeCells(r)
	}
	return n
}

// wide holds the blocks of characters that take two columns, see
// https://www.unicode.org/reports/tr11/. It need not be exact.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1}, {Lo: 0x2e80, Hi: 0xa4cf, Stride: 1}, {Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1}, {Lo: 0xfe30, Hi: 0xfe6f, Stride: 1}, {Lo: 0xff00, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1}, {Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1}, {Lo: 0x1f900, Hi: 0x1f9ff, Stride: 1},
		{Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}

func runeCells(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// page is text on its way out: clean, wrapped, without trailing spaces.
type page struct {
	w     *bufio.Writer
	style Style
	begun bool // a block has been written before
	noted bool // a block has more than its first line
}

// gap puts an empty line between blocks.
func (p *page) gap() {
	if p.begun {
		p.w.WriteByte('\n')
	}
	p.begun = true
}

// say writes a sentence, wrapped between words where the width is known. Its
// lead, a word or two that it begins with, is painted.
func (p *page) say(indent int, c colour, lead, rest string) {
	lead, rest = clean(lead), clean(rest)
	margin := strings.Repeat(" ", indent)
	p.noted = p.noted || indent > 0
	for i, line := range wrap(lead+rest, p.style.Width-indent, p.style.Width > 0) {
		switch {
		case i > 0:
			line = "  " + line
		case strings.HasPrefix(line, lead):
			line = p.style.paint(c, lead) + line[len(lead):]
		}
		p.w.WriteString(margin + line + "\n")
	}
}

// narrowest is the width below which wrapping would only make confetti.
const narrowest = 30

// wrap breaks text between words. Lines after the first are two columns shorter,
// for they are indented.
func wrap(text string, width int, known bool) []string {
	text = strings.TrimRight(text, " ")
	if !known || cells(text) <= width {
		return []string{text}
	}
	width = max(width, narrowest)
	var lines []string
	line, length := "", 0
	for word := range strings.SplitSeq(text, " ") {
		room, n := width, cells(word)
		if len(lines) > 0 {
			room -= 2
		}
		if line != "" && length+1+n > room {
			lines = append(lines, strings.TrimRight(line, " "))
			line, length = word, n
			continue
		}
		if line != "" {
			line, length = line+" ", length+1
		}
		line, length = line+word, length+n
	}
	return append(lines, strings.TrimRight(line, " "))
}

// code writes SQL: never wrapped, so that it can be copied.
func (p *page) code(indent int, c colour, sql string) {
	margin := strings.Repeat(" ", indent)
	for line := range strings.SplitSeq(strings.TrimSpace(strings.ReplaceAll(sql, "\r\n", "\n")), "\n") {
		var b strings.Builder
		for i, part := range strings.Split(line, "\t") {
			if i > 0 {
				b.WriteByte('\t') // its place on the line is harmless
			}
			b.WriteString(clean(part))
		}
		if line = strings.TrimRight(b.String(), " \t"); line != "" {
			line = margin + p.style.paint(c, line)
		}
		p.w.WriteString(line + "\n")
	}
}
