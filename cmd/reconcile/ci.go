package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"tenantry/internal/diag"
	"tenantry/internal/report"
)

// annotate shows findings at their lines of a pull request, where GitHub Actions
// runs the command: its runner reads them from stderr, which leaves stdout to
// the result. A log for machines is nothing but that log.
func (a *app) annotate(findings diag.List) {
	if os.Getenv("GITHUB_ACTIONS") == "true" && a.options.logFormat != "json" {
		report.GitHub(a.stderr, redactedList(findings), a.places())
	}
}

// places names files from the root of the repository, where CI says what that
// is, else from here.
func (a *app) places() report.Places {
	here, _ := os.Getwd()
	root := cmp.Or(os.Getenv("GITHUB_WORKSPACE"), os.Getenv("CI_PROJECT_DIR"), here)
	name := func(path string) string {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return path
		}
		if relative, err := filepath.Rel(root, absolute); err == nil && filepath.IsLocal(relative) {
			return filepath.ToSlash(relative)
		}
		return absolute
	}
	return report.Places{Name: name, Read: os.ReadFile, Default: a.options.file}
}

// reportWrong shows that the files are wrong to whoever reads no diagnostics:
// the documents that were asked for are written all the same.
func (a *app) reportWrong(wrong diag.List) {
	a.annotate(wrong)
	shows := func(format string) bool { return slices.Contains([]string{"json", "markdown", "sarif"}, format) }
	if shows(a.options.output) {
		a.render(a.stdout, a.options.output, reportOf(wrong))
	}
	writes, _ := a.writes()
	for _, to := range writes {
		if !shows(to.format) {
			continue
		}
		if err := a.writeFile(to, reportOf(wrong)); err != nil {
			fmt.Fprintf(a.stderr, "reconcile: %s\n", redacted(err.Error()))
		}
	}
}

// longSummary is how much GitHub takes of the summary of a step, in bytes.
const longSummary = 1 << 20

// write writes a file; to the summary of a step it appends, as everybody does
// there.
func (a *app) write(path string, content []byte) error {
	if path != os.Getenv("GITHUB_STEP_SUMMARY") {
		return os.WriteFile(path, content, 0o644)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size()+int64(len(content)) > longSummary {
		a.say("the summary of this step is full; nothing was added to it")
		return nil
	}
	_, err = f.Write(content)
	return err
}

// commandToApply returns the command line that does what a dry run has shown: with
// the same flags, those from the environment too. Without those that only say
// how to show it, and without a URL, which may hold a password.
func commandToApply(flags *pflag.FlagSet) string {
	words := []string{"reconcile"}
	flags.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "dry-run", "detailed-exitcode", "output", "write", "database-url", "quiet", "verbose", "log-format", "no-color":
			return
		}
		if f.Value.String() == f.DefValue {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			if f.Value.Type() == "bool" && v == "true" {
				words = append(words, "--"+f.Name)
			} else {
				words = append(words, "--"+f.Name+"="+shellQuoted(redacted(v)))
			}
		}
	})
	return strings.Join(words, " ")
}

// shellQuoted quotes a word for a shell, where it needs that.
func shellQuoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./=,:@%+", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
