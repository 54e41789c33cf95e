package ui

import (
	"fmt"
	"html/template"
	"strings"
)

// diagramOf draws tables and what they refer to, as SVG whose looks are the style
// sheet's. The tables are told in words below it, so a reader who cannot see it
// misses nothing.
func diagramOf(tables []*table) template.HTML {
	if len(tables) == 0 {
		return ""
	}
	l := layOut(tables)
	var s strings.Builder
	fmt.Fprintf(&s, `<svg class="diagram" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="Diagram of %d tables and what they refer to; the same is told in words below">`,
		l.width, l.height, l.width, l.height, len(tables))
	for _, layer := range l.layers {
		for _, n := range layer {
			l.lines(&s, n)
		}
	}
	for _, layer := range l.layers {
		for _, n := range layer {
			if !n.lane {
				n.box(&s)
			}
		}
	}
	s.WriteString("</svg>")
	return template.HTML(s.String())
}

// lines draws what leads from a node to the left.
func (l *layout) lines(s *strings.Builder, n *node) {
	if n.lane {
		for _, to := range n.next {
			fmt.Fprintf(s, `<path class="line" d="M%d %dH%d"/>`, n.x+boxWidth, n.middle(), n.x)
			curve(s, n.x, n.middle(), to.x+boxWidth, to.entry(), !to.lane)
		}
		return
	}
	for _, ref := range n.table.References {
		to, y := l.byName[ref.Table], n.rowY(ref.Columns[0])
		if to == n || to.layer >= n.layer {
			fmt.Fprintf(s, `<path class="line" d="M%d %dC%d %d %d %d %d %d"/>%s`, n.x+boxWidth, y, n.x+boxWidth+44, y, to.x+boxWidth+44, to.rowY(""), to.x+boxWidth, to.rowY(""), dot(to.x+boxWidth, to.rowY("")))
			continue
		}
		next := to
		for _, m := range n.next {
			if m.table == to.table {
				next = m
			}
		}
		curve(s, n.x, y, next.x+boxWidth, next.entry(), !next.lane)
	}
}

func (n *node) middle() int { return n.y + n.height()/2 }

// entry is where lines from the right arrive.
func (n *node) entry() int {
	if n.lane {
		return n.middle()
	}
	return n.rowY("")
}

func curve(s *strings.Builder, x1, y1, x2, y2 int, arrives bool) {
	half := (x1 - x2) / 2
	fmt.Fprintf(s, `<path class="line" d="M%d %dC%d %d %d %d %d %d"/>`, x1, y1, x1-half, y1, x2+half, y2, x2, y2)
	if arrives {
		s.WriteString(dot(x2, y2))
	}
}

// dot marks the end that is referred to.
func dot(x, y int) string { return fmt.Sprintf(`<circle class="dot" cx="%d" cy="%d" r="3.5"/>`, x, y) }

func (n *node) box(s *strings.Builder) {
	class := "box"
	switch {
	case n.table.Elsewhere:
		class += " elsewhere"
	case n.table.Differs:
		class += " differs"
	}
	fmt.Fprintf(s, `<g class="%s"><rect x="%d" y="%d" width="%d" height="%d" rx="6"/>`, class, n.x, n.y, boxWidth, n.height())
	fmt.Fprintf(s, `<text class="title" x="%d" y="%d">%s</text>`, n.x+10, n.y+18, clipped(n.table.Name, 24))
	if n.table.Elsewhere {
		fmt.Fprintf(s, `<text class="type" x="%d" y="%d">in another schema</text></g>`, n.x+10, n.y+headRoom+11)
		return
	}
	fmt.Fprintf(s, `<path class="rule" d="M%d %dH%d"/>`, n.x, n.y+headRoom-1, n.x+boxWidth)
	y := n.y + headRoom + 12
	for _, c := range n.rows() {
		mark := ""
		switch {
		case c.Primary:
			mark = "key"
		case c.Refers != "":
			mark = "ref"
		}
		fmt.Fprintf(s, `<text class="column %s" x="%d" y="%d">%s</text><text class="type" x="%d" y="%d" text-anchor="end">%s</text>`,
			mark, n.x+10, y, clipped(c.Name, mostChars-6), n.x+boxWidth-8, y, clipped(shortType(c.Type), max(5, mostChars-1-len([]rune(c.Name)))))
		y += rowHeight
	}
	if more := len(n.table.Columns) - mostRows; more > 0 {
		fmt.Fprintf(s, `<text class="type" x="%d" y="%d">and %d more</text>`, n.x+10, y, more)
	}
	s.WriteString("</g>")
}

// clipped is a text of at most so many characters, for HTML.
func clipped(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most-1]) + "…"
	}
	return template.HTMLEscapeString(text)
}

var shortTypes = strings.NewReplacer("timestamp with time zone", "timestamptz", "timestamp without time zone", "timestamp", "character varying", "varchar", "double precision", "float8")

func shortType(t string) string {
	t, _, _ = strings.Cut(t, " GENERATED ")
	return shortTypes.Replace(t)
}
