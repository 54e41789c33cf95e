package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"tenantry/internal/diag"
	"tenantry/reconcile"
	"tenantry/schema"
)

// hostileTexts are what a name, a comment or a message may be.
var hostileTexts = []string{
	"`", "``", "```", "````\n```sql\n", "~~~", "```\n</details>\n# owned", "a | b", `a \| b`, `\`, `\\|`, "|---|", "\n\n| a |\n|---|\n",
	"<script>alert(1)</script>", "</details>", "</code></summary>", "<!-- tenantry-plan -->", "-->", "<img src=x onerror=y>", "<br>", "<a href='//x'>",
	"&lt;b&gt;", "&#64;team", "&amp;", "[a](http://evil.example)", "![a](//evil.example/x.png)", "[a]: http://evil.example", "[[wiki]]", "[^1]", "[ ] todo",
	"@team", "a@b.example", "org/repo#123", "#123", "GH-123", "!123", "%milestone", "~label", "&epic", "$snippet", ":tada:", "http://evil.example", "https://evil.example/a_b_c",
	"www.evil.example", "WWW.evil.example", "mailto:a@b.example", "xmpp:a@b.example", "ftp://evil.example", "<http://evil.example>", "<a@b.example>", "javascript:alert(1)",
	"**bold**", "__bold__", "*a*", "_a_", "~~a~~", "$x$", "$$x$$", "# head", "> quote", "- item", "1. item", "===", "---", "/close", "    code", "\tcode", "\x00", "\x1b[31m", "\xff",
	"\u202e", "\u200b@team", "a\r\nb", "a\rb", "\u2028", "\n", "", " ", " a ", "{schema}", "{{schema}}", "{{ 7*7 }}", "${{ secrets.X }}", "::error::x", "%0A", strings.Repeat("x", 100), strings.Repeat("`", 100),
	"; DROP TABLE x; --", "/* ` */", "é@team", "日本@team", "\\@team", "@\\team", "-- @team\n#123", "&commat;team", "&NewLine;", "&#x3C;b&#x3E;",
}

// infest returns a report with the text wherever there is one.
func infest(text string) *reconcile.Report {
	evil := step("evil", reconcile.ActionChange, sql(`ALTER TABLE {schema}."a" ADD COLUMN "`+text+`" text -- `+text, destroys(text), depends(text)))
	evil.Statements[0].Comment = text
	evil.Unplanned, evil.Kept, evil.Unmanaged = []string{text}, []string{text}, []string{text}
	made := step("made", reconcile.ActionCreate, sql(`CREATE TABLE {schema}."`+text+`" ()`), sql(text+" x"))
	mend := step("mend", reconcile.ActionChange, schema.Statement{SQL: "SELECT 1 /* " + text + " */"})
	named := func(t reconcile.PlannedTarget, more string) reconcile.PlannedTarget {
		t.Tenant, t.Schema, t.Database, t.Source = text+more, text+more, "main"+text, &diag.Pos{File: text, Line: 3, Column: 5}
		return t
	}
	r := dryRun([]reconcile.Step{evil, made, mend},
		named(target("", reconcile.ActionBlocked, reconcile.ReasonHazard, "evil"), "1"),
		named(target("", reconcile.ActionBlocked, reconcile.ReasonHazard, "evil"), "2"),
		named(broken(target("", reconcile.ActionChange, reconcile.ReasonDefinitionChanged, ""), "broken "+text), "3"),
		named(target("", reconcile.ActionCreate, reconcile.ReasonMissing, "made"), "4"),
		in("b", named(target("", reconcile.ActionCreate, reconcile.ReasonMissing, "made"), "5")),
		drifted(named(target("", reconcile.ActionChange, reconcile.ReasonDrifted, "mend"), "6"), text),
		named(target("", reconcile.ActionOrphaned, reconcile.ReasonNotInFile, ""), "7"),
	)
	r.Plan.Desired.Revision, r.Plan.ID, r.Plan.ToolVersion = "r"+text, "p"+text, "v"+text
	r.Plan.Diagnostics = []reconcile.Diagnostic{{File: "f" + text, Line: 1, Severity: diag.Error, Code: "c" + text, Message: "m" + text, Hint: "h" + text}}
	return r
}

// element is the beginning of an element of the page, with what is in its
// attributes, or text.
type element struct {
	path string
	text string
}

// rendered turns Markdown into a page as GitHub does and reads that as XML,
// which also proves that all elements are closed in their order.
func rendered(t testing.TB, markdown string) []element {
	t.Helper()
	var page bytes.Buffer
	renderer := goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote), goldmark.WithRendererOptions(html.WithUnsafe(), html.WithXHTML()))
	if err := renderer.Convert([]byte(markdown), &page); err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(strings.NewReader("<page>" + page.String() + "</page>"))
	var out []element
	var path []string
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%v in %s", err, page.String())
		}
		switch token := token.(type) {
		case xml.StartElement:
			tag := token.Name.Local
			for _, a := range token.Attr {
				tag += "[" + a.Name.Local + "=" + a.Value + "]"
			}
			path = append(path, tag)
			out = append(out, element{path: strings.Join(path, " ")})
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.Comment:
			out = append(out, element{path: "comment", text: string(token)})
		case xml.CharData:
			out = append(out, element{path: strings.Join(path, " "), text: string(token)})
		}
	}
}

// skeleton is the page without its text.
func skeleton(page []element) []string {
	var out []string
	for _, e := range page {
		if e.text == "" || e.path == "comment" {
			out = append(out, e.path+e.text)
		}
	}
	return out
}

// reference finds what GitHub or GitLab would turn into a link or a picture, in
// text that is not code.
var reference = regexp.MustCompile(`(?i)[@#!$%&~^]["\pL\pN]|\bgh-\d|://|\bwww\.[^\s\x{200b}]|:[a-z0-9_+-]+:|mailto:[\pL\pN._+-]`)

// checkHostile fails where a text changes anything but text: the page must have
// the skeleton that it has with a harmless one.
func checkHostile(t testing.TB, want []string, text string) {
	t.Helper()
	markdown := markdownText(t, infest(text))
	page := rendered(t, markdown)
	if got := skeleton(page); withoutBreaks(got) != withoutBreaks(want) {
		t.Errorf("%q changes the page (-want +got):\n%s\n%s", text, cmp.Diff(want, got), markdown)
	}
	for _, e := range page {
		if !strings.Contains(e.path, "code") && e.path != "comment" && reference.MatchString(e.text) {
			t.Errorf("%q refers to something: %q", text, e.text)
		}
	}
}

// withoutBreaks leaves out how many lines a cell has: a text may have several,
// or none.
func withoutBreaks(page []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(page), func(path string) bool { return strings.HasSuffix(path, " br") }), "\n")
}

func TestHostileTextIsNothingButTextInMarkdown(t *testing.T) {
	t.Parallel()
	want := skeleton(rendered(t, markdownText(t, infest("x"))))
	for _, text := range hostileTexts {
		checkHostile(t, want, text)
		checkHostile(t, want, "a"+text+"b")
		checkHostile(t, want, "a "+text+" b")
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, text := range hostileTexts {
		f.Add(text)
	}
	want := skeleton(rendered(f, markdownText(f, infest("x"))))
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 200 { // longer ones are cut, which is another matter
			checkHostile(t, want, text)
		}
	})
}

func TestNamesAreShownAsTheyAre(t *testing.T) {
	t.Parallel()
	const id = "customer-01_eu.west"
	got := markdownText(t, dryRun([]reconcile.Step{step("add", reconcile.ActionChange, sql("SELECT 1"))},
		target(id, reconcile.ActionChange, reconcile.ReasonDefinitionChanged, "add")))
	if !strings.Contains(got, "<code>"+id+"</code>") {
		t.Error(got)
	}
}
