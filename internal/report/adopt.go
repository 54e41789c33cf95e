package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"tenantry/internal/adopt"
)

// Adoption writes what a survey has found: the definition first, then how the
// others differ from it, then what is not in the files. paths are the files as
// they were written.
func Adoption(w io.Writer, r *adopt.Result, paths []string, style Style) error {
	var b strings.Builder
	template := r.Groups[0]
	fmt.Fprintf(&b, "The definition is taken from %s (schema %s)", r.Template.ID, r.Template.Schema)
	switch n := len(template.Tenants); {
	case n == r.Tenants && n > 1:
		fmt.Fprintf(&b, ", whose structure all %s have.\n", count(n, "tenant"))
	case n > 1:
		fmt.Fprintf(&b, ", whose structure %s of %s have.\n", thousands(n), count(r.Tenants, "tenant"))
	default:
		fmt.Fprintf(&b, "; of %s no other has its structure.\n", count(r.Tenants, "tenant"))
	}
	for _, s := range r.Shared {
		fmt.Fprintf(&b, "The schema %s is a shared service: %s refers to it.\n", s.Schema, s.Because)
		if s.Matched {
			fmt.Fprintf(&b, "  It matches %s too, and is not taken for a tenant.\n", r.Match)
		}
	}
	adoptionGroups(&b, r, style)
	adoptionHistories(&b, r, style)
	adoptionRest(&b, r)
	if len(paths) > 0 {
		fmt.Fprintf(&b, "\nWritten: %s.\nNothing was changed in the database.\n", strings.Join(paths, ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// adoptionGroups says how the groups differ from the template's.
func adoptionGroups(b *strings.Builder, r *adopt.Result, style Style) {
	if len(r.Groups) > 1 {
		b.WriteString("\n")
	}
	for _, g := range r.Groups[1:] {
		var ids []string
		for _, t := range g.Tenants {
			ids = append(ids, t.ID)
		}
		several := len(ids) != 1
		who := names(ids, style.Verbose)
		var said []string
		if g.Empty {
			said = append(said, verb(several, "is an empty schema", "are empty schemas")+", which the next run fills")
		}
		for _, s := range g.RefersTo {
			said = append(said, verb(several, "refers", "refer")+" to another tenant's schema, "+s)
		}
		for _, d := range g.Differences {
			said = append(said, differs(d, several))
		}
		if len(said) == 1 {
			fmt.Fprintf(b, "%s %s: %s\n", count(len(ids), "tenant"), said[0], who)
			continue
		}
		fmt.Fprintf(b, "%s %s in %d things: %s\n", count(len(ids), "tenant"), verb(several, "differs", "differ"), len(said), who)
		shown := said
		if len(said) > manyDifferences && !style.Verbose {
			shown = said[:manyDifferences]
		}
		for _, s := range shown {
			fmt.Fprintf(b, "  %s\n", s)
		}
		if n := len(said) - len(shown); n > 0 {
			fmt.Fprintf(b, "  … and %s more (-v shows them)\n", thousands(n))
		}
	}
}

// manyDifferences is how many of a group's differences are shown.
const manyDifferences = 12

// verb returns the form that goes with one or with several.
func verb(several bool, one, many string) string {
	if several {
		return many
	}
	return one
}

// differs says one difference of a group.
func differs(d adopt.Difference, several bool) string {
	switch {
	case d.Problem == "missing":
		return verb(several, "lacks", "lack") + " the " + d.Subject
	case d.Problem == "unexpected":
		return verb(several, "has", "have") + " the " + d.Subject + " more"
	case len(d.Live)+len(d.Wanted) < 80 && !strings.ContainsFunc(d.Live+d.Wanted, func(c rune) bool { return !unicode.IsGraphic(c) }):
		return fmt.Sprintf("%s another %s: %s, not %s", verb(several, "has", "have"), d.Subject, orPlain(d.Live), orPlain(d.Wanted))
	}
	return verb(several, "has", "have") + " another " + d.Subject
}

func orPlain(s string) string {
	if s == "" {
		return "plain"
	}
	return s
}

// adoptionHistories says what migration tools have recorded: once for all who
// stand at the same version.
func adoptionHistories(b *strings.Builder, r *adopt.Result, style Style) {
	type state struct{ tool, table, version, failed, problem string }
	var order []state
	where := make(map[state][]string)
	for _, h := range r.Histories {
		s := state{h.Tool, h.Table, h.Version, h.Failed, h.Problem}
		if where[s] == nil {
			order = append(order, s)
		}
		where[s] = append(where[s], h.Schema)
	}
	if len(order) > 0 {
		b.WriteString("\n")
	}
	for _, s := range order {
		at := "version " + s.version
		switch {
		case s.problem != "":
			at = "an unknown version (" + s.problem + ")"
		case s.version == "":
			at = "no version"
		}
		if s.failed != "" {
			at += ", and " + s.failed + " did not succeed"
		}
		fmt.Fprintf(b, "%s (%s) is at %s in %s: %s\n", s.tool, s.table, at, count(len(where[s]), "schema"), names(where[s], style.Verbose))
	}
	if len(order) > 0 {
		b.WriteString("What those versions made is the baseline, as it is live. The tables themselves are left to their tools: no definition holds them, and no plan touches them.\n")
	}
}

// adoptionRest says what is not in the files.
func adoptionRest(b *strings.Builder, r *adopt.Result) {
	section := func(title string, items []string) {
		if len(items) == 0 {
			return
		}
		fmt.Fprintf(b, "\n%s\n", title)
		for _, item := range items {
			fmt.Fprintf(b, "  %s\n", strings.ReplaceAll(item, "\n", " "))
		}
	}
	unsaid, reprinted := prefixed("", r.Unsaid), prefixed("", r.Reprinted)
	for _, s := range r.Shared {
		unsaid = append(unsaid, prefixed(s.Schema+": ", s.Unsaid)...)
		reprinted = append(reprinted, prefixed(s.Schema+": ", s.Reprinted)...)
	}
	section("No file can say this of the live schema, so a dry run will show it as a difference:", unsaid)
	section("PostgreSQL prints these in other words once it has read them. The files have the words that stay, which is no difference:", reprinted)
	var skipped []string
	for _, s := range r.Skipped {
		skipped = append(skipped, s.Schema+": "+s.Why)
	}
	section("These schemas match and are left out:", skipped)
}

func prefixed(prefix string, items []string) (out []string) {
	for _, item := range items {
		out = append(out, prefix+item)
	}
	return out
}
