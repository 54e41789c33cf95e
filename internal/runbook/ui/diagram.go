package ui

import (
	"cmp"
	"slices"
)

// The diagram is drawn in layers, from left to right: a table stands to the right
// of all that it refers to. A line that passes a layer goes through a gap between
// that layer's boxes, which all lines to one table share. Everything is a function
// of the tables alone, so the same structure always gives the same picture.

// The measures of the drawing, in pixels.
const (
	boxWidth  = 182
	rowHeight = 16
	headRoom  = 26 // of a box's title
	gapX      = 56 // between layers
	gapY      = 18 // between boxes of a layer
	laneRoom  = 4  // of a gap that lines go through
	margin    = 10
	mostRows  = 5  // keys come first; the rest is told below
	mostChars = 24 // of a row
)

// A node is a box, or a gap that lines go through.
type node struct {
	table *table // of a gap, the one that the lines lead to
	lane  bool
	layer int
	next  []*node // to the left: what it refers to, or where the line goes on
	x, y  int
	order float64
}

func (n *node) rows() []column {
	rows := n.table.Columns
	return rows[:min(len(rows), mostRows)]
}

func (n *node) height() int {
	if n.lane {
		return laneRoom
	}
	rows := len(n.rows())
	if len(n.table.Columns) > mostRows {
		rows++
	}
	return headRoom + max(rows, 1)*rowHeight + 6
}

// rowY is the middle of a column's row, or of the title.
func (n *node) rowY(name string) int {
	for i, c := range n.rows() {
		if c.Name == name {
			return n.y + headRoom + i*rowHeight + rowHeight/2 + 1
		}
	}
	return n.y + headRoom/2
}

// A layout is a diagram with everything in its place.
type layout struct {
	layers        [][]*node
	byName        map[string]*node
	width, height int
}

// layOut places the tables, and those of other schemas that they refer to.
func layOut(tables []*table) *layout {
	l := &layout{byName: make(map[string]*node)}
	for _, t := range withOthers(tables) {
		l.byName[t.Name] = &node{table: t, layer: -1}
	}
	names := make([]string, 0, len(l.byName))
	for name := range l.byName {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		l.depth(l.byName[name], make(map[*node]bool))
	}
	l.tighten(names)
	for _, name := range names {
		l.put(l.byName[name])
	}
	l.lanes(names)
	l.arrange()
	l.place()
	return l
}

// withOthers adds the tables that are referred to and are another schema's.
func withOthers(tables []*table) []*table {
	all := slices.Clone(tables)
	for _, t := range tables {
		for _, ref := range t.References {
			if !slices.ContainsFunc(all, func(o *table) bool { return o.Name == ref.Table }) {
				all = append(all, &table{Name: ref.Table, Elsewhere: true})
			}
		}
	}
	return all
}

// depth puts a node one layer to the right of all that it refers to, those left
// out that lead back to it.
func (l *layout) depth(n *node, above map[*node]bool) int {
	if n.layer >= 0 {
		return n.layer
	}
	above[n] = true
	layer := 0
	for _, ref := range n.table.References {
		if to := l.byName[ref.Table]; !above[to] {
			layer = max(layer, l.depth(to, above)+1)
		}
	}
	delete(above, n)
	n.layer = layer
	return layer
}

// tighten moves what refers to nothing next to the nearest that refers to it, so
// that lines are short.
func (l *layout) tighten(names []string) {
	for _, name := range names {
		n, nearest := l.byName[name], -1
		if len(n.table.References) > 0 || n.table.Elsewhere {
			continue
		}
		for _, other := range names {
			from := l.byName[other]
			if from != n && slices.ContainsFunc(from.table.References, func(r reference) bool { return r.Table == name }) && (nearest < 0 || from.layer < nearest) {
				nearest = from.layer
			}
		}
		if nearest > 0 {
			n.layer = nearest - 1
		}
	}
}

func (l *layout) put(n *node) {
	for len(l.layers) <= n.layer {
		l.layers = append(l.layers, nil)
	}
	l.layers[n.layer] = append(l.layers[n.layer], n)
}

// lanes gives each line that passes layers its gaps in them.
func (l *layout) lanes(names []string) {
	type gap struct {
		to    *node
		layer int
	}
	gaps := make(map[gap]*node)
	for _, name := range names {
		from := l.byName[name]
		for _, ref := range from.table.References {
			to, last := l.byName[ref.Table], from
			if to == from || to.layer >= from.layer {
				continue
			}
			for layer := from.layer - 1; layer > to.layer; layer-- {
				g := gaps[gap{to, layer}]
				if g == nil {
					g = &node{table: to.table, lane: true, layer: layer}
					gaps[gap{to, layer}] = g
					l.put(g)
				}
				last.leads(g)
				last = g
			}
			last.leads(to)
		}
	}
}

func (n *node) leads(to *node) {
	if !slices.Contains(n.next, to) {
		n.next = append(n.next, to)
	}
}

// arrange orders each layer so that neighbours are near each other: by the middle
// of what a node is tied to, a few times in each direction.
func (l *layout) arrange() {
	back := make(map[*node][]*node)
	for _, layer := range l.layers {
		for _, n := range layer {
			for _, to := range n.next {
				back[to] = append(back[to], n)
			}
		}
	}
	for range 6 {
		for i := 1; i < len(l.layers); i++ {
			sortLayer(l.layers[i], func(n *node) []*node { return n.next })
		}
		for i := len(l.layers) - 2; i >= 0; i-- {
			sortLayer(l.layers[i], func(n *node) []*node { return back[n] })
		}
	}
	for i := 1; i < len(l.layers); i++ {
		sortLayer(l.layers[i], func(n *node) []*node { return n.next })
	}
}

func sortLayer(layer []*node, tied func(*node) []*node) {
	for i, n := range layer {
		n.order = float64(i) / float64(len(layer))
		if of := tied(n); len(of) > 0 {
			n.order = 0
			for _, o := range of {
				n.order += o.order / float64(len(of))
			}
		}
	}
	slices.SortStableFunc(layer, func(a, b *node) int { return cmp.Compare(a.order, b.order) })
	for i, n := range layer {
		n.order = (float64(i) + 0.5) / float64(len(layer))
	}
}

// place gives everything its place. Each layer is centred.
func (l *layout) place() {
	heights := make([]int, len(l.layers))
	for i, layer := range l.layers {
		for _, n := range layer {
			heights[i] += n.height() + gapY
		}
		l.height = max(l.height, heights[i])
	}
	for i, layer := range l.layers {
		y := margin + (l.height-heights[i])/2
		for _, n := range layer {
			n.x, n.y = margin+i*(boxWidth+gapX), y
			y += n.height() + gapY
		}
	}
	l.width = 2*margin + len(l.layers)*(boxWidth+gapX) - gapX
	l.height += 2*margin - gapY
}
