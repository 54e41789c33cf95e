package report

import (
	"errors"
	"strings"
	"testing"

	"tenantry/internal/diag"
)

func diagnosticsOf(t *testing.T, list diag.List, source string, s Style) string {
	t.Helper()
	var b strings.Builder
	read := func(path string) ([]byte, error) {
		if path != "tenants.yaml" {
			return nil, errors.New("no such file")
		}
		return []byte(source), nil
	}
	if err := Diagnostics(&b, list, read, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func at(line, column int) diag.Diagnostic {
	return diag.Diagnostic{Pos: diag.Pos{File: "tenants.yaml", Line: line, Column: column}, Severity: diag.Error, Code: "c", Message: "m"}
}

func TestCaretPointsAtTheColumn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		source       string
		line, column int
		want         string // after the one-line form
	}{
		"plain":                     {"a: 1\nschma: x\n", 2, 1, "    schma: x\n    ^\n"},
		"tabs":                      {"\ta:\tb", 1, 5, "    \ta:\tb\n    \t  \t^\n"},
		"bytes, not characters":     {"ä: b", 1, 5, "    ä: b\n       ^\n"},
		"wide characters":           {"日本: b", 1, 9, "    日本: b\n          ^\n"},
		"within a character":        {"日本: b", 1, 5, "    日本: b\n      ^\n"},
		"Windows' line ends":        {"a\r\nbc\r\nd", 2, 2, "    bc\n     ^\n"},
		"byte-order mark":           {"\ufeffabc", 1, 2, "    abc\n     ^\n"},
		"past the end":              {"abc\n", 1, 99, "    abc\n       ^\n"},
		"a line only":               {"abc\n", 1, 0, "    abc\n"},
		"the file only":             {"abc\n", 0, 0, ""},
		"a line that is not there":  {"abc\n", 7, 1, ""},
		"an empty line":             {"\n\n", 1, 1, ""},
		"control characters":        {"a\x1b[31m: b", 1, 9, "    a\\x1b[31m: b\n               ^\n"},
		"not UTF-8":                 {"a\xff\xfe: b", 1, 6, "    a\\xff\\xfe: b\n               ^\n"},
		"at a byte that is not":     {"a\xff: b", 1, 2, "    a\\xff: b\n     ^\n"},
		"combining characters":      {"e\u0301: b", 1, 6, "    e\u0301: b\n       ^\n"},
		"no-break space is visible": {"a:\u00a0b", 1, 3, "    a:\\u00a0b\n      ^\n"},
	} {
		want := at(c.line, c.column).String() + "\n" + c.want
		if got := diagnosticsOf(t, diag.List{at(c.line, c.column)}, c.source, Style{}); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestLongLinesAreCutAroundTheColumn(t *testing.T) {
	t.Parallel()
	source := strings.Repeat("a", 500_000) + "X" + strings.Repeat("b", 500_000)
	for _, width := range []int{0, 40, 80} {
		_, excerpt, _ := strings.Cut(diagnosticsOf(t, diag.List{at(1, 500_001)}, source, Style{Width: width}), "\n")
		line, caret, _ := strings.Cut(excerpt, "\n")
		if width > 0 && cells(line) > width || cells(line) > 130 {
			t.Errorf("width %d: the line has %d columns", width, cells(line))
		}
		column := strings.Index(caret, "^")
		if got := string([]rune(line)[column]); got != "X" {
			t.Errorf("width %d: the caret is under %q", width, got)
		}
	}
	golden(t, "diagnostics-long", diagnosticsOf(t, diag.List{at(1, 1), at(1, 500_001), at(1, 1_000_001)}, source, Style{Width: 60}))
}

func TestHeadlineIsTheOneLineForm(t *testing.T) {
	t.Parallel()
	list := diag.List{
		{Pos: diag.Pos{File: "tenants.yaml", Line: 1, Column: 3}, Severity: diag.Error, Code: "unknown-field", Message: `"schma" is not a field of a tenant`, Hint: `did you mean "schema"?`},
		{Pos: diag.Pos{File: "elsewhere.hcl", Line: 4}, Severity: diag.Warning, Code: "odd", Message: "odd"},
		{Severity: diag.Error, Code: "nowhere", Message: "evil \x1b[2J\nnews"},
	}
	golden(t, "diagnostics", diagnosticsOf(t, list, "- schma: x", Style{}))
	golden(t, "diagnostics-coloured", diagnosticsOf(t, list, "- schma: x", Style{Color: true}))
}

func TestSourceIsOptional(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := Diagnostics(&b, diag.List{at(1, 1)}, nil, Style{}); err != nil {
		t.Fatal(err)
	}
	if want := at(1, 1).String() + "\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}
