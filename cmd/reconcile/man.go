package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manCommand writes manual pages, for those who make packages. cobra has a
// writer of its own, but that brings three modules along, for Markdown and YAML.
func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Writes the manual pages into a folder", Hidden: true,
		Long: "man writes a manual page for each command into a folder that is there. They are\ndated by $SOURCE_DATE_EPOCH, or not at all, so that they can be made again.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			date, err := sourceDate(os.LookupEnv)
			if err != nil {
				return err
			}
			return writeManual(cmd.Root(), args[0], date)
		},
	}
}

// sourceDate is the date of the sources, see
// https://reproducible-builds.org/specs/source-date-epoch/, or "".
func sourceDate(lookup func(string) (string, bool)) (string, error) {
	value, ok := lookup("SOURCE_DATE_EPOCH")
	if !ok {
		return "", nil
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return "", usagef("$SOURCE_DATE_EPOCH is not a number of seconds")
	}
	return time.Unix(seconds, 0).UTC().Format(time.DateOnly), nil
}

// writeManual writes the pages of a command and of those below it.
func writeManual(cmd *cobra.Command, dir, date string) error {
	path := filepath.Join(dir, manName(cmd)+".1")
	if err := os.WriteFile(path, []byte(manPage(cmd, date)), 0o644); err != nil {
		return err
	}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			if err := writeManual(c, dir, date); err != nil {
				return err
			}
		}
	}
	return nil
}

func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// roff is a manual page as it is written, see man(7).
type roff struct{ strings.Builder }

// manPage returns the page of one command.
func manPage(cmd *cobra.Command, date string) string {
	cmd.InitDefaultHelpFlag()
	var r roff
	fmt.Fprintf(&r, ".TH %q 1 %q %q\n", strings.ToUpper(manName(cmd)), date, "reconcile "+version())
	r.section("NAME")
	r.text(manName(cmd) + " - " + cmd.Short)
	r.section("SYNOPSIS")
	r.text(cmd.UseLine())
	r.section("DESCRIPTION")
	long := cmd.Long
	if long == "" {
		long = cmd.Short + "."
	}
	r.text(long)
	r.commands(cmd)
	r.flags("OPTIONS", cmd.NonInheritedFlags())
	r.flags("OPTIONS OF EVERY COMMAND", cmd.InheritedFlags())
	r.verbatim("EXAMPLES", cmd.Example)
	_, codes, _ := strings.Cut(exitCodes, ":\n")
	r.verbatim("EXIT STATUS", codes)
	r.seeAlso(cmd)
	return r.String()
}

func (r *roff) section(name string) { r.WriteString(".SH " + name + "\n") }

// text writes paragraphs, in which lines that are indented stay lines.
func (r *roff) text(text string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		r.WriteString(".PP\n")
		if strings.HasPrefix(paragraph, "  ") {
			r.WriteString(".nf\n" + escapeRoff(paragraph) + "\n.fi\n")
		} else {
			r.WriteString(escapeRoff(paragraph) + "\n")
		}
	}
}

// verbatim writes a section of lines, if there are any.
func (r *roff) verbatim(name, lines string) {
	if lines = strings.Trim(lines, "\n"); lines != "" {
		r.section(name)
		r.WriteString(".nf\n" + escapeRoff(lines) + "\n.fi\n")
	}
}

// item writes a term and what it means.
func (r *roff) item(term, meaning string) {
	r.WriteString(".TP\n.B " + escapeRoff(term) + "\n" + escapeRoff(meaning) + "\n")
}

func (r *roff) commands(cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	r.section("COMMANDS")
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			r.item(c.Name(), c.Short)
		}
	}
}

func (r *roff) flags(section string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	r.section(section)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		variable, usage := pflag.UnquoteUsage(f)
		if f.DefValue != "" && !slices.Contains([]string{"false", "0", "0s", "[]"}, f.DefValue) {
			usage += " (default " + f.DefValue + ")"
		}
		term := "--" + f.Name
		if f.Shorthand != "" {
			term = "-" + f.Shorthand + ", " + term
		}
		if variable != "" {
			term += " " + variable
		}
		r.item(term, usage)
	})
}

func (r *roff) seeAlso(cmd *cobra.Command) {
	var others []string
	if cmd.HasParent() {
		others = append(others, manName(cmd.Parent())+"(1)")
	}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			others = append(others, manName(c)+"(1)")
		}
	}
	if len(others) > 0 {
		r.section("SEE ALSO")
		r.text(strings.Join(others, ", "))
	}
}

// escapeRoff returns text in which nothing means anything to roff.
func escapeRoff(text string) string {
	var b strings.Builder
	begin := true
	for _, c := range text {
		switch {
		case begin && (c == '.' || c == '\''):
			b.WriteString(`\&` + string(c))
		case c == '\\':
			b.WriteString(`\e`)
		case c == '-':
			b.WriteString(`\-`)
		case c > unicode.MaxASCII:
			fmt.Fprintf(&b, `\[u%04X]`, c)
		default:
			b.WriteRune(c)
		}
		begin = c == '\n'
	}
	return b.String()
}
