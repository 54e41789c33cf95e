package main

import (
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"tenantry/internal/report"
)

// app is one run of the command.
type app struct {
	stdout, stderr io.Writer
	options        options
	log            *slog.Logger
	apply          string // the command line that does what a dry run shows
	tools          tools
	notes          string // the last that a plan had to say as a whole, for a watch
}

// options are the flags.
type options struct {
	file, config                 string
	databaseURL, databaseURLFile string
	embedded                     bool
	dryRun, detailed             bool
	output                       string
	write                        []string
	tenants, excludes, selectors []string
	parallelism, maxFailures     int
	maxRemovals, maxChanges      int
	lockTimeout                  time.Duration
	shard                        string
	shardWait                    time.Duration
	watch, remote                bool
	poll                         time.Duration
	allowDestructive, adopt      bool
	repair                       bool
	engine, atlas                string
	quiet, verbose, noColor      bool
	logFormat                    string
}

const long = `reconcile makes PostgreSQL equal to files.

tenants.yaml says which tenants exist, atlas.hcl and HCL say what their schemas
hold. reconcile compares that with the live databases, creates the schemas that
are missing and changes those that differ. It changes nothing that is right
already, so run it as often as you like.

Without a database configured it starts a PostgreSQL of its own, whose data
stays in .tenantry/ beside the tenants file.`

const examples = `  reconcile                            make the databases equal to the files
  reconcile --dry-run                  show what that would do
  reconcile --watch                    and again whenever a file changes
  reconcile --tenant acme              only this tenant
  reconcile -o json --dry-run          the plan as JSON
  reconcile status                     the fleet as it is
  reconcile diff acme                  one tenant against its blueprint`

// exitCodes is for the help.
const exitCodes = `
Exit codes:
  0   done: in sync, or a dry run that found changes
  1   failed: no database, an engine error
  2   with --detailed-exitcode, a dry run that found changes
  3   some changes are blocked, everything else is done
  4   some targets failed, the others are done
  5   a saved plan is stale; nothing of it was applied
  64  the command line is wrong
  65  tenants.yaml, atlas.hcl or HCL is wrong; nothing was touched
`

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "reconcile", Short: "Makes PostgreSQL's tenant schemas equal to files", Long: long, Example: examples,
		SilenceUsage: true, SilenceErrors: true, Args: noArguments, SuggestionsMinimumDistance: 2,
		PersistentPreRunE: a.prepare,
		RunE:              func(cmd *cobra.Command, _ []string) error { return a.reconcile(cmd.Context(), nil) },
	}
	a.fileFlags(root.PersistentFlags())
	a.runFlags(root.Flags())
	root.SetHelpTemplate(root.HelpTemplate() + exitCodes)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(a.applyCommand(), a.validateCommand(), a.serveCommand(), a.statusCommand(), a.diffCommand(), a.historyCommand(), a.tenantCommand(), a.purgeCommand(), a.dbCommand(),
		a.adoptCommand(), a.migrateCommand(), a.schemaCommand(), a.manCommand(), a.versionCommand())
	needsShell(root)
	a.complete(root)
	return root
}

// needsShell makes cobra's own completion command refuse to print its help in
// place of a script.
func needsShell(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.RunE = func(*cobra.Command, []string) error {
				return usagef("completion takes a shell: bash, zsh, fish or powershell")
			}
		}
	}
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := usagef("unknown command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		err = usagef("unknown command %q (did you mean %q?)", args[0], near[0])
	}
	return err
}

// fileFlags are the flags that every command has.
func (a *app) fileFlags(f *pflag.FlagSet) {
	o := &a.options
	f.StringVarP(&o.file, "file", "f", "tenants.yaml", "the tenants `file`")
	f.StringVarP(&o.config, "config", "c", "", "the Atlas project `file` (default atlas.hcl here, else beside the tenants file)")
	f.StringVar(&o.databaseURL, "database-url", "", "the `URL` of the database main, over $DATABASE_URL")
	f.StringVar(&o.databaseURLFile, "database-url-file", "", "a `file` that holds that URL, which keeps it out of the process list")
	f.BoolVar(&o.embedded, "embedded", false, "use the embedded PostgreSQL, with its data in .tenantry/ beside the tenants file")
	f.StringVarP(&o.output, "output", "o", "text", "what goes to stdout: text, json, markdown, sql or sarif")
	f.StringArrayVar(&o.tenants, "tenant", nil, "only the tenant of this `id`; repeatable")
	f.StringArrayVar(&o.excludes, "exclude", nil, "not the tenant of this `id`; repeatable")
	f.StringArrayVar(&o.selectors, "selector", nil, "only tenants with this label, as `key=value`; repeatable")
	f.StringVar(&o.shard, "shard", "", "only this share of the tenants, as `k/n`; the first has the shared services, and the others wait for them")
	f.StringVar(&o.engine, "engine", engineNative, "the planning engine: native, or cli for the Atlas binary")
	f.StringVar(&o.atlas, "atlas", "", "the Atlas binary's `path`, for --engine cli (default atlas in $PATH)")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no progress on stderr")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "say more")
	f.StringVar(&o.logFormat, "log-format", "text", "the log on stderr: text or json")
	f.BoolVar(&o.noColor, "no-color", false, "no colour; so does any NO_COLOR in the environment")
}

// runFlags are the flags of reconcile itself.
func (a *app) runFlags(f *pflag.FlagSet) {
	o := &a.options
	f.BoolVar(&o.dryRun, "dry-run", false, "plan and show; change nothing")
	f.BoolVar(&o.detailed, "detailed-exitcode", false, "exit 2 where a dry run found changes")
	a.applyFlags(f)
	f.BoolVar(&o.allowDestructive, "allow-destructive", false, "let destructive statements run")
	f.BoolVar(&o.adopt, "adopt", false, "take over schemas that exist and were never managed")
	f.BoolVar(&o.repair, "repair", false, "let files of migrations that were changed after they were applied count as applied as they are now")
	a.watchFlags(f)
}

// applyFlags are the flags of whatever applies.
func (a *app) applyFlags(f *pflag.FlagSet) {
	o := &a.options
	f.StringArrayVar(&o.write, "write", nil, "the result to a file as well, as `format=path`; repeatable")
	f.DurationVar(&o.shardWait, "shard-wait", 5*time.Minute, "how long a share waits for the shared services")
	a.policyFlags(f)
}

// policyFlags are the flags that go before the file's policy.
func (a *app) policyFlags(f *pflag.FlagSet) {
	o := &a.options
	f.IntVar(&o.parallelism, "parallelism", 0, "targets at once per database (default policy.parallelism, 4)")
	f.DurationVar(&o.lockTimeout, "lock-timeout", 0, "PostgreSQL's lock_timeout for each target (default policy.lock_timeout, 3s)")
	f.IntVar(&o.maxRemovals, "max-removals", -1, "so many may be retired or renamed in a run (default policy.max_removals, 0)")
	f.Lookup("max-removals").DefValue = "0" // as it reads in the help; -1 is for what was not given
	f.IntVar(&o.maxChanges, "max-changes", 0, "so many schemas may be touched in a run (default policy.max_changes, any number)")
	f.IntVar(&o.maxFailures, "max-failures", 0, "stop starting targets after so many failed (default policy.max_failures, 5)")
}

// The values of the flags that have a few.
var (
	outputs    = []string{"text", "json", "markdown", "sql", "sarif"}
	engines    = []string{engineNative, engineCLI}
	logFormats = []string{"text", "json"}
)

// prepare fills in flags from the environment and checks them.
func (a *app) prepare(cmd *cobra.Command, _ []string) error {
	o := &a.options
	fromFile := cmd.Flags().Changed("database-url-file")
	if fromFile && cmd.Flags().Changed("database-url") {
		return usagef("--database-url and --database-url-file both name the database main")
	}
	if err := flagsFromEnvironment(cmd.Flags(), os.LookupEnv); err != nil {
		return err
	}
	if fromFile {
		o.databaseURL = "" // which is the environment's
	}
	if err := oneOf("--output", o.output, outputs...); err != nil {
		return err
	}
	if err := oneOf("--engine", o.engine, engines...); err != nil {
		return err
	}
	if err := oneOf("--log-format", o.logFormat, logFormats...); err != nil {
		return err
	}
	if o.parallelism < 0 || o.parallelism > 64 || cmd.Flags().Changed("parallelism") && o.parallelism == 0 {
		return usagef("--parallelism must be between 1 and 64")
	}
	if o.maxFailures < 0 || cmd.Flags().Changed("max-failures") && o.maxFailures == 0 {
		return usagef("--max-failures must be at least 1")
	}
	if o.lockTimeout < 0 || cmd.Flags().Changed("lock-timeout") && o.lockTimeout < time.Millisecond {
		return usagef("--lock-timeout must be at least 1ms")
	}
	a.log, a.apply = a.logger(), commandToApply(cmd.Flags())
	return nil
}

func oneOf(flag, value string, allowed ...string) error {
	for _, v := range allowed {
		if v == value {
			return nil
		}
	}
	return usagef("%s %q is not one of: %s", flag, value, strings.Join(allowed, ", "))
}

// flagsFromEnvironment sets each flag that was not given from RECONCILE_ and
// its name: --lock-timeout from RECONCILE_LOCK_TIMEOUT.
func flagsFromEnvironment(flags *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "RECONCILE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := lookup(name)
		if !ok || f.Changed || err != nil || f.Name == "help" {
			return
		}
		values := []string{value}
		if f.Value.Type() == "stringArray" {
			values = strings.Split(value, ",")
		}
		for _, v := range values {
			if setting := flags.Set(f.Name, v); setting != nil {
				err = usagef("%s: %q is not a value of --%s", name, value, f.Name)
			}
		}
	})
	return err
}

func (a *app) logger() *slog.Logger {
	level := slog.LevelInfo
	switch {
	case a.options.quiet:
		level = slog.LevelError
	case a.options.verbose:
		level = slog.LevelDebug
	}
	options := &slog.HandlerOptions{Level: level}
	if a.options.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(a.stderr, options))
	}
	return slog.New(slog.NewTextHandler(a.stderr, options))
}

// say writes a line about what is going on to stderr, as a person reads it, or
// to the log where that is JSON.
func (a *app) say(format string, args ...any) {
	switch {
	case a.options.quiet:
	case a.options.logFormat == "json":
		a.log.Info(sprintf(format, args...))
	default:
		io.WriteString(a.stderr, sprintf(format, args...)+"\n")
	}
}

// style is how to write for whoever reads stdout.
func (a *app) style() report.Style {
	s := report.Style{Verbose: a.options.verbose}
	if width, ok := terminal(a.stdout); ok {
		s.Width = width
		s.Color = !a.options.noColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return s
}

// terminal reports whether w is a terminal, and how wide it is.
func terminal(w io.Writer) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	return width, err == nil
}
