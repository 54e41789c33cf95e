package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tenantry/internal/diag"
	"tenantry/internal/report"
	"tenantry/reconcile"
	"tenantry/schema"
	"tenantry/state"
)

func (a *app) tenantCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "tenant", Short: "Lists the tenants of tenants.yaml, and edits it in place",
		Long: `tenant lists the tenants of the tenants file, and edits it: comments, order,
quotes and line breaks stay as they are, and what is added looks like what is
there. It asks no database and changes none. What it writes to the file takes
effect when reconcile runs.`,
		Args: noArguments, SuggestionsMinimumDistance: 2,
		RunE: func(*cobra.Command, []string) error {
			return usagef("tenant takes a command: list, add, suspend, resume or retire")
		},
	}
	cmd.AddCommand(a.tenantListCommand(), a.tenantAddCommand(),
		a.tenantStateCommand("suspend", state.Suspended, "Closes a tenant for now; its data stays"),
		a.tenantStateCommand("resume", state.Active, "Makes a suspended or retired tenant active again"),
		a.tenantStateCommand("retire", state.Retired, "Marks a tenant as one that is to go; its data stays until reconcile purge"))
	return cmd
}

// oneTenant is for commands that take the id of one tenant.
func oneTenant(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("%s takes one tenant", strings.TrimPrefix(cmd.CommandPath(), "reconcile "))
	}
	return nil
}

func (a *app) tenantAddCommand() *cobra.Command {
	var t state.Tenant
	var labels, vars []string
	cmd := &cobra.Command{
		Use: "add ID", Short: "Adds a tenant to tenants.yaml", Args: oneTenant,
		Long: `add puts a tenant at the end of the list in the tenants file, written as its
neighbours are. What no flag says is left to the defaults of the file.`,
		Example: `  reconcile tenant add initech
  reconcile tenant add initech --name "Initech Inc." --label plan=gold --service community`,
		RunE: func(_ *cobra.Command, args []string) (err error) {
			t.ID = args[0]
			if t.Labels, err = pairs("--label", labels); err != nil {
				return err
			}
			if t.Vars, err = pairs("--var", vars); err != nil {
				return err
			}
			return a.addTenant(t)
		},
	}
	f := cmd.Flags()
	f.StringVar(&t.Name, "name", "", "the `name` that people know it by")
	f.StringArrayVar(&t.Services, "service", nil, "a `service` that it has; repeatable (default defaults.services)")
	f.StringVar(&t.Database, "database", "", "the `database` it lives in (default defaults.database)")
	f.StringVar(&t.Schema, "schema", "", "the name or `template` of its schema (default defaults.schema)")
	f.StringArrayVar(&labels, "label", nil, "a label, as `key=value`; repeatable")
	f.StringArrayVar(&vars, "var", nil, "an HCL input variable, as `name=value`; repeatable")
	return cmd
}

// pairs turns the values of a flag, key=value each, into a map.
func pairs(flag string, values []string) (map[string]string, error) {
	all := make(map[string]string, len(values))
	for _, v := range values {
		key, value, ok := strings.Cut(v, "=")
		if !ok {
			return nil, usagef("%s %q is not of the form key=value", flag, v)
		}
		if _, twice := all[key]; twice {
			return nil, usagef("%s %q is given twice", flag, key)
		}
		all[key] = value
	}
	return all, nil
}

func (a *app) addTenant(t state.Tenant) error {
	return a.edit(t.ID, "added the tenant %s at %s", "", func(f *tenantsFile) ([]byte, error) {
		for _, s := range t.Services {
			if known := f.options.Services; f.project == nil && !slices.Contains(known, s) {
				return nil, usagef("there is no service %q in %s: it has %s", s, a.projectPath(), strings.Join(known, ", "))
			}
		}
		return state.AddTenant(a.options.file, f.text, t, f.options)
	})
}

func (a *app) tenantStateCommand(verb string, to state.TenantState, short string) *cobra.Command {
	return &cobra.Command{
		Use: verb + " ID", Short: short, Args: oneTenant,
		Long: short + ".\n\nIt writes \"state: " + string(to) + "\" to the tenant's entry in the tenants file, unless that is\nso already. It takes effect when reconcile runs.",
		RunE: func(_ *cobra.Command, args []string) error {
			done, already := "the tenant %s is "+string(to)+" now, at %s", "the tenant %s is "+string(to)+" already, at %s"
			return a.edit(args[0], done, already, func(f *tenantsFile) ([]byte, error) {
				return state.SetState(a.options.file, f.text, args[0], to, f.options)
			})
		},
	}
}

// tenantsFile is the tenants file as it is, and what it says.
type tenantsFile struct {
	text    []byte
	options state.Options
	file    *state.File
	project error // what is wrong with atlas.hcl
}

// readTenants reads the tenants file alone: no environment variable has to be
// set, and atlas.hcl is there only for the names of its services.
func (a *app) readTenants() (*tenantsFile, error) {
	f, err := a.tenantsText()
	if err != nil {
		return nil, err
	}
	if f.file, err = state.Parse(a.options.file, f.text, f.options); err == nil || f.project == nil {
		return f, err
	}
	if _, alone := state.Parse(a.options.file, f.text, anyServices); alone != nil {
		return nil, alone
	}
	return nil, f.project // for want of it, tenants have no services
}

// tenantsText reads what readTenants does, but for what the file says.
func (a *app) tenantsText() (*tenantsFile, error) {
	text, err := os.ReadFile(a.options.file)
	if err != nil {
		_, explained := state.Load(a.options.file, state.Options{})
		return nil, cmp.Or(explained, err)
	}
	f := &tenantsFile{text: text}
	project, projectErr := schema.LoadProject(a.projectPath(), os.Getenv)
	if f.project = projectErr; project != nil {
		f.options.Services = project.Names()
	}
	return f, nil
}

// anyServices stands in for the services of atlas.hcl where they do not matter.
var anyServices = state.Options{Services: []string{"any"}}

// edited is what an edit comes to, as JSON.
type edited struct {
	Changed     bool                   `json:"changed"`
	Tenant      *listedTenant          `json:"tenant"`
	Diagnostics []reconcile.Diagnostic `json:"diagnostics"`
}

// edit changes the tenants file and says so, with the tenant's id and place:
// that it is done, or was already.
func (a *app) edit(id, done, already string, change func(*tenantsFile) ([]byte, error)) error {
	if err := a.textOrJSON(); err != nil {
		return err
	}
	f, err := a.tenantsText()
	if err != nil {
		return err
	}
	text, err := change(f)
	if err != nil {
		if _, wrong := a.readTenants(); wrong != nil {
			return wrong // the file was wrong before anything was asked of it
		}
		return a.refuse(err)
	}
	changed := !bytes.Equal(text, f.text)
	if !changed {
		done = already
	} else if err := a.replace(f, text); err != nil {
		return err
	}
	if f.file, err = state.Parse(a.options.file, text, f.options); err != nil {
		return err
	}
	t := listed(f.file, f.file.Targets(), id)[0]
	if a.options.output == "json" {
		return writeJSON(a.stdout, edited{Changed: changed, Tenant: &t, Diagnostics: []reconcile.Diagnostic{}})
	}
	_, err = fmt.Fprintf(a.stdout, done+"\n", id, t.Source)
	return err
}

// replace writes the tenants file anew.
func (a *app) replace(f *tenantsFile, text []byte) error {
	err := state.Replace(a.options.file, f.text, text)
	switch {
	case errors.Is(err, state.ErrChanged):
		return hinted{err, "run the command again"}
	case err != nil:
		return fmt.Errorf("cannot write the tenants file: %w", err)
	}
	return nil
}

// refuse reports what is wrong with an edit that was asked for. The file is
// right, so it is the command line that is wrong.
func (a *app) refuse(err error) error {
	var list diag.List
	if !errors.As(err, &list) {
		return err
	}
	list = redactedList(list)
	report.Diagnostics(a.stderr, list, readRedacted, a.style())
	if a.options.output == "json" {
		if err := writeJSON(a.stdout, edited{Diagnostics: reconcile.Diagnostics(list)}); err != nil {
			return err
		}
	}
	return exitCode(exitUsage)
}

// textOrJSON refuses the outputs that only reconcile itself has.
func (a *app) textOrJSON() error {
	if a.options.output != "text" && a.options.output != "json" {
		return usagef("--output %s is for reconcile itself", a.options.output)
	}
	return nil
}
