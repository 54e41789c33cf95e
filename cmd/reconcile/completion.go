package main

import (
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tenantry/internal/report"
	"tenantry/state"
)

// Completion reads the tenants file and nothing else. Where that cannot be
// read it has nothing to say.

// candidates returns what may stand in a place of the command line.
type candidates func(f *state.File) []cobra.Completion

// complete tells the shell what may follow.
func (a *app) complete(root *cobra.Command) {
	ids := a.fromFile(tenantIDs)
	a.completeArgs(root, map[string]cobra.CompletionFunc{
		"reconcile status":         ids,
		"reconcile history":        first(ids),
		"reconcile diff":           first(a.fromFile(tenantIDs, sharedServices)),
		"reconcile tenant suspend": first(ids),
		"reconcile tenant resume":  first(ids),
		"reconcile tenant retire":  first(ids),
		"reconcile tenant add":     cobra.NoFileCompletions,
	})
	completeFlags(root, map[string]cobra.CompletionFunc{
		"tenant": ids, "exclude": ids, "selector": a.fromFile(selectors),
		"output": fixed(outputs...), "write": formats(outputs...),
		"engine": fixed(engines...), "log-format": fixed(logFormats...),
		"database": a.fromFile(databaseNames), "service": a.fromFile(serviceNames), "label": a.fromFile(selectors),
		"name": cobra.NoFileCompletions, "schema": cobra.NoFileCompletions, "var": cobra.NoFileCompletions,
		"database-url": cobra.NoFileCompletions, "parallelism": cobra.NoFileCompletions,
		"max-failures": cobra.NoFileCompletions, "lock-timeout": cobra.NoFileCompletions,
		"file": extension("yaml", "yml"), "config": extension("hcl"),
	})
}

// completeArgs sets what the arguments of commands may be.
func (a *app) completeArgs(cmd *cobra.Command, by map[string]cobra.CompletionFunc) {
	if f, ok := by[cmd.CommandPath()]; ok {
		cmd.ValidArgsFunction = f
	}
	for _, c := range cmd.Commands() {
		a.completeArgs(c, by)
	}
}

// completeFlags sets what the values of flags may be, for those flags that a
// command and those below it have.
func completeFlags(cmd *cobra.Command, by map[string]cobra.CompletionFunc) {
	for _, name := range slices.Sorted(maps.Keys(by)) {
		if cmd.LocalNonPersistentFlags().Lookup(name) != nil || cmd.PersistentFlags().Lookup(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, by[name]) // fails only where the flag has one
		}
	}
	for _, c := range cmd.Commands() {
		completeFlags(c, by)
	}
}

// fromFile offers what the tenants file has and the command line has not.
func (a *app) fromFile(from ...candidates) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		given := slices.Concat(args, a.options.tenants, a.options.excludes, a.options.selectors)
		var offered []cobra.Completion
		if f := a.fileForCompletion(); f != nil {
			for _, c := range from {
				offered = append(offered, c(f)...)
			}
		}
		offered = slices.DeleteFunc(offered, func(c cobra.Completion) bool {
			word, _, _ := strings.Cut(c, "\t")
			return !strings.HasPrefix(word, begun) || slices.Contains(given, word)
		})
		return offered, cobra.ShellCompDirectiveNoFileComp
	}
}

// fileForCompletion returns the tenants file, or nil.
func (a *app) fileForCompletion() *state.File {
	text, err := os.ReadFile(a.options.file)
	if err != nil {
		return nil
	}
	f, err := state.Parse(a.options.file, text, anyServices)
	if err != nil {
		return nil
	}
	return f
}

func tenantIDs(f *state.File) []cobra.Completion {
	var all []cobra.Completion
	for _, t := range f.Tenants {
		all = append(all, described(t.ID, t.Name))
	}
	return all
}

// described adds to a word what it is, where that is known.
func described(word, what string) cobra.Completion {
	if what == "" {
		return word
	}
	return cobra.CompletionWithDesc(word, printable(what))
}

func sharedServices(f *state.File) []cobra.Completion {
	var all []cobra.Completion
	for _, s := range f.Shared {
		all = append(all, described(s, "a shared service"))
	}
	return all
}

// selectors are the labels that tenants carry, with how many do.
func selectors(f *state.File) []cobra.Completion {
	carriers := make(map[string]int)
	for _, t := range f.Tenants {
		for _, pair := range labelPairs(t.Labels) {
			carriers[pair]++
		}
	}
	var all []cobra.Completion
	for _, pair := range slices.Sorted(maps.Keys(carriers)) {
		all = append(all, described(pair, report.Count(carriers[pair], "tenant")))
	}
	return all
}

func databaseNames(f *state.File) []cobra.Completion {
	var all []cobra.Completion
	for _, d := range f.Databases {
		all = append(all, d.Name)
	}
	return all
}

// serviceNames are the services that some tenant lists, or the defaults.
func serviceNames(f *state.File) []cobra.Completion {
	all := slices.Clone(f.Defaults.Services)
	for _, t := range f.Tenants {
		all = append(all, t.Services...)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return s == anyServices.Services[0] })
}

// fixed offers the values that a flag has.
func fixed(values ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
}

// formats offers the formats of --write, and then files.
func formats(values ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if strings.Contains(begun, "=") {
			return nil, cobra.ShellCompDirectiveDefault
		}
		var all []cobra.Completion
		for _, v := range values {
			if strings.HasPrefix(v, begun) {
				all = append(all, described(v+"=", v+" to a file"))
			}
		}
		return all, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	}
}

// extension offers files by how their names end.
func extension(extensions ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(extensions, cobra.ShellCompDirectiveFilterFileExt)
}

// first offers only for the first argument.
func first(f cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return f(cmd, args, begun)
	}
}
