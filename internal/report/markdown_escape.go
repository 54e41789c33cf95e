package report

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// What people have named and what PostgreSQL has said stands in Markdown as
// itself, whatever it looks like. Each of the functions below makes it safe for
// one kind of place; nothing else writes foreign text.
//
// Numeric character references do most of it: https://spec.commonmark.org says
// that none of them is ever taken for structure, and they mean the same in HTML.
// They do not help against what GitHub and GitLab do to the finished page,
// outside of code: @name, #123, !123, :word:, www.… and the like become links
// and pictures there. A space of no width after the mark prevents that.

const (
	zeroWidth = "&#8203;"
	harmless  = " ,.:()'\"=;?+-{}/" // where it is not at the beginning of a line
	longText  = 400                 // how much is shown of what is only mentioned, in characters
)

// inline makes text safe within a line of Markdown, a cell of a table, and HTML.
// It has one line.
func inline(text string) string { return escaped(text, refers) }

// inlineLines makes text of several lines safe in the same places.
func inlineLines(text string) string {
	var out []string
	for line := range strings.Lines(lineBreaks.Replace(text)) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, inline(line))
		}
	}
	return strings.Join(out, "<br/>")
}

// inlineCode shows a name, or anything else that might be copied, as code in the
// same places.
func inlineCode(text string) string { return "<code>" + escaped(text, links) + "</code>" }

// escaped makes text safe; parts says where a space of no width is needed.
func escaped(text string, parts func(before string, r rune, after string) bool) string {
	text = shortened(clean(text), longText)
	var b strings.Builder
	for i, r := range text {
		before, after := text[:i], text[i+utf8.RuneLen(r):]
		if r >= utf8.RuneSelf || alphanumeric(r) || strings.ContainsRune(harmless, r) || r == '_' && inWord(before, after) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "&#%d;", r)
		}
		if after != "" && after[0] != ' ' && parts(before, r, after) {
			b.WriteString(zeroWidth)
		}
	}
	return b.String()
}

// links reports whether r might be part of an address that becomes a link even
// in code: https://github.github.com/gfm/#autolinks-extension-.
func links(before string, r rune, after string) bool {
	switch r {
	case '@':
		return true
	case ':':
		return after[0] == '/'
	case '.':
		return len(before) >= 3 && strings.EqualFold(before[len(before)-3:], "www")
	}
	return false
}

// refers reports whether r might begin a reference or be part of a link.
func refers(before string, r rune, after string) bool {
	if r == '-' && len(before) >= 2 && strings.EqualFold(before[len(before)-2:], "gh") {
		return true
	}
	return strings.ContainsRune("#!$%&~^:", r) || links(before, r, after)
}

func alphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// inWord reports whether what is between the two is within a word.
func inWord(before, after string) bool {
	return before != "" && after != "" && alphanumeric(rune(before[len(before)-1])) && alphanumeric(rune(after[0]))
}

// shortened cuts what is longer than so many characters.
func shortened(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// fence shows code in a block whose fence is longer than any run of backticks in
// it. It ends with a line break.
func fence(language, code string) string {
	var body strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(lineBreaks.Replace(code), "\n"), "\n") {
		cells := strings.Split(line, "\t")
		for i := range cells {
			cells[i] = clean(cells[i])
		}
		body.WriteString(strings.Join(cells, "\t") + "\n")
	}
	marks := strings.Repeat("`", max(3, longestRun(body.String(), '`')+1))
	return marks + language + "\n" + body.String() + marks + "\n"
}

// longestRun returns how often a byte is repeated at most.
func longestRun(text string, of byte) int {
	longest, run := 0, 0
	for i := range len(text) {
		if run++; text[i] != of {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}
