package ui

import (
	"fmt"
	"strings"
	"testing"

	"tenantry/internal/runbook"
	"tenantry/schema"
)

// linesOf are the definitions of tables with an id and references.
func linesOf(references map[string][]string) []runbook.LiveLine {
	var lines []runbook.LiveLine
	for table, to := range references {
		lines = append(lines, runbook.LiveLine{Kind: schema.KindTable, Name: table},
			runbook.LiveLine{Kind: schema.KindColumn, Table: table, Name: "id", Definition: "bigint"},
			runbook.LiveLine{Kind: schema.KindConstraint, Table: table, Name: table + "_pkey", Definition: "PRIMARY KEY (id)"})
		for i, other := range to {
			column := fmt.Sprintf("to %d", i)
			lines = append(lines, runbook.LiveLine{Kind: schema.KindColumn, Table: table, Name: column, Definition: "bigint"},
				runbook.LiveLine{Kind: schema.KindConstraint, Table: table, Name: fmt.Sprint(table, i), Definition: fmt.Sprintf("FOREIGN KEY (%q) REFERENCES %s(id) ON DELETE CASCADE", column, other)})
		}
	}
	return lines
}

func TestADiagramHasEveryTableAndReference(t *testing.T) {
	t.Parallel()
	for name, references := range map[string]map[string][]string{
		"one table":        {"a": nil},
		"a chain":          {"a": nil, "b": {"a"}, "c": {"b", "a"}, "d": {"c", "a"}},
		"itself":           {"a": {"a"}},
		"a circle":         {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}},
		"elsewhere":        {"a": {"identity.users"}, "b": {"a", "identity.users"}},
		"names with signs": {`we"ird <b>`: nil, "b": {`"we""ird <b>"`}},
	} {
		tables, _ := structureOf(linesOf(references), nil)
		svg := string(diagramOf(tables))
		for range 5 {
			again, _ := structureOf(linesOf(references), nil)
			if string(diagramOf(again)) != svg {
				t.Errorf("%s: the same structure gives another picture", name)
			}
		}
		want := 0
		for _, to := range references {
			want += len(to)
		}
		if dots := strings.Count(svg, `class="dot"`); want > 0 && dots == 0 || dots > want {
			t.Errorf("%s: %d ends of lines for %d references", name, dots, want)
		}
		l := layOut(tables)
		for _, n := range l.byName {
			if n.x < 0 || n.y < 0 || n.x+boxWidth > l.width || n.y+n.height() > l.height {
				t.Errorf("%s: %s is outside of the picture", name, n.table.Name)
			}
			for _, other := range l.byName {
				if n != other && n.x == other.x && n.y < other.y+other.height() && other.y < n.y+n.height() {
					t.Errorf("%s: %s and %s lie on each other", name, n.table.Name, other.table.Name)
				}
			}
		}
		if strings.Contains(svg, "<b>") {
			t.Errorf("%s: a name is markup: %s", name, svg)
		}
	}
}

func TestKeysAreReadFromDefinitions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`id)`: "[id]", `a, "B c")`: "[a B c]", `"a""b", c)`: `[a"b c]`, `identity.users(id)`: "[identity users]", `"a.b"."c(d)"(id)`: "[a.b c(d)]",
	} {
		if got, _ := identifiers(text); fmt.Sprint(got) != want {
			t.Errorf("%s: %v, not %s", text, got, want)
		}
	}
}

func TestTablesAreLaidOutLineByLine(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		`CREATE TABLE "t" ("a,(" numeric(8,2) NOT NULL, "b" text DEFAULT 'x, it''s (', PRIMARY KEY ("a,("))`: `CREATE TABLE "t" (
  "a,(" numeric(8,2) NOT NULL,
  "b" text DEFAULT 'x, it''s (',
  PRIMARY KEY ("a,(")
)`,
		`CREATE INDEX i ON t (a, b)`: `CREATE INDEX i ON t (a, b)`,
	} {
		if got := laidOut(sql); got != want {
			t.Errorf("%s becomes\n%s", sql, got)
		}
	}
}
