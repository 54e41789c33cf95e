package report

import "strings"

// A section is a part of a page under a heading of its own: a table or a list of
// what happens, and below it the details, folded up.
type section struct {
	title   string
	head    string // of the table; "" for a list
	rows    []row
	details []detail

	shown []string // the rows that there is room for
	note  string   // what is said of the others
}

// A row says what happens to some targets, in one line. Its text is only made
// where it is shown.
type row struct {
	text    func() string
	targets int
}

// A detail is the SQL of one class.
type detail struct {
	text       func() string
	least      int // bytes that the text has at least
	statements int
}

// manyRows is how many rows of a section are shown, where there is room.
const manyRows = 40

// fit writes sections into so many bytes. Rows go before details, for they are
// what a reader has to know; of both, whole ones only.
func fit(sections []section, room int) string {
	room -= len(sections) * longNote
	each := room / max(2, len(sections)) // so that the first does not crowd out the last
	for i := range sections {
		sections[i].chooseRows(each)
		room -= len(sections[i].overview())
	}
	var b strings.Builder
	for i := range sections {
		b.WriteString(sections[i].overview())
		room = sections[i].writeDetails(&b, room)
	}
	return b.String()
}

// longNote is more than what is written where details are left out.
const longNote = 250

// overview is the section without its details.
func (s *section) overview() string {
	return "\n#### " + s.title + "\n\n" + s.head + strings.Join(s.shown, "\n") + "\n" + s.note
}

// chooseRows takes the rows that fit, in their order, and says how many others
// there are.
func (s *section) chooseRows(room int) {
	room -= len(s.title) + len(s.head) + longNote
	for _, r := range s.rows[:min(len(s.rows), manyRows)] {
		text := r.text()
		if room -= len(text) + 1; room < 0 {
			break
		}
		s.shown = append(s.shown, text)
	}
	left, targets := s.rows[len(s.shown):], 0
	for _, r := range left {
		targets += r.targets
	}
	switch {
	case len(left) == 0:
	case targets == 0:
		s.note = "\n… and " + thousands(len(left)) + " more, which are not shown here.\n"
	default:
		s.note = "\n… and " + count(targets, "schema") + " more, in " + thousands(len(left)) + " other ways, which are not shown here.\n"
	}
}

// writeDetails writes the details that fit, says what it left out, and returns
// how many bytes are left.
func (s *section) writeDetails(b *strings.Builder, room int) int {
	classes, statements := 0, 0
	for _, d := range s.details {
		text := ""
		if d.least <= room {
			text = d.text()
		}
		if text == "" || len(text) > room {
			classes, statements = classes+1, statements+d.statements
			continue
		}
		b.WriteString(text)
		room -= len(text)
	}
	if classes > 0 {
		b.WriteString("\nThe SQL of " + thousands(classes) + " more (" + count(statements, "statement") + ") does not fit in here; <code>reconcile --dry-run -v</code> shows it.\n")
	}
	return room
}
