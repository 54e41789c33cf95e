package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tenantry/internal/adopt"
	"tenantry/internal/postgres"
	"tenantry/internal/report"
	"tenantry/reconcile"
	"tenantry/schema"
	"tenantry/state"
)

const adoptLong = `adopt reads a database that has tenant schemas and writes the files that keep
them from then on: tenants.yaml, atlas.hcl and, in schema/, what a tenant's
schema holds. It changes nothing in the database.

The structure that most tenants have becomes the definition, or the one of the
tenant named by --template; how the others differ from it is shown. Schemas
that tenants refer to become shared services. What HCL cannot say is written
into an .sql file beside it, so that the definition compiles to exactly what
is there.

Then look with reconcile --dry-run. reconcile records the tenants that are as
the definition says, without a statement; those that differ are left alone
until reconcile --adopt.`

const adoptExamples = `  reconcile adopt --match 'tenant_%'
  reconcile adopt --match 'tenant_%' --template acme --service learn
  reconcile adopt --match '%_app' --file production/tenants.yaml`

// adoptOptions are the flags of adopt alone.
type adoptOptions struct {
	adopt.Options
	force bool
}

func (a *app) adoptCommand() *cobra.Command {
	var o adoptOptions
	cmd := &cobra.Command{
		Use: "adopt", Short: "Writes tenants.yaml, atlas.hcl and HCL from a database that has tenants already", Long: adoptLong, Example: adoptExamples, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.adopt(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.Match, "match", "tenant_%", "which `schemas` are tenants: % is any text, all else is itself")
	f.StringVar(&o.Template, "template", "", "the `tenant`, or its schema, whose structure is the definition (default one of the most)")
	f.StringVar(&o.Service, "service", "app", "the `name` of the service that the definition is")
	f.BoolVar(&o.force, "force", false, "overwrite files that are there")
	return cmd
}

// adopt surveys the database and writes the files into the folder of the tenants
// file.
func (a *app) adopt(ctx context.Context, o adoptOptions) (err error) {
	if err := a.checkAdopt(o); err != nil {
		return err
	}
	w := &world{app: a, file: &state.File{}, project: &schema.Project{}, desired: &reconcile.Desired{Policy: state.DefaultPolicy}, databases: make(map[string]*postgres.DB)}
	defer func() { err = errors.Join(err, w.close()) }()
	url, err := w.url(ctx, state.DefaultDatabase)
	if err != nil {
		return err
	}
	db, err := w.open(ctx, state.DefaultDatabase, url)
	if err != nil {
		return err
	}
	w.databases[db.Name()] = db
	if err := db.Connect(ctx); err != nil {
		return err
	}
	planner := &schema.Planner{Engine: schema.Native{}, Nonce: nonce, Workbench: func(ctx context.Context) (schema.Workbench, error) {
		if dev := os.Getenv("ATLAS_DEV_URL"); dev != "" { // which the atlas.hcl that is written names
			return db.DevWorkbench(ctx, dev)
		}
		return db.Workbench(ctx)
	}}
	found, err := adopt.Survey(ctx, db, planner, o.Options)
	var none *adopt.NotFoundError
	if errors.As(err, &none) {
		return hinted{err, "--match says which schemas are tenants: % is any text, all else is itself"}
	}
	if err != nil && strings.Contains(err.Error(), "[42501]") { // insufficient_privilege
		return hinted{err, "the files are tried in a transaction that is rolled back: that takes the right to create schemas in this database, or $ATLAS_DEV_URL with another of the same server version"}
	}
	if err != nil {
		return err
	}
	return a.writeAdopted(found, o)
}

func (a *app) checkAdopt(o adoptOptions) error {
	if err := oneOf("--output", a.options.output, "text", "json"); err != nil {
		return err
	}
	if !adopt.ValidService(o.Service) {
		return usagef("--service %q is not a name: letters, digits, \"_\" and \"-\", a letter or \"_\" first", o.Service)
	}
	if only := a.options; len(only.tenants)+len(only.excludes)+len(only.selectors) > 0 {
		return usagef("adopt takes all schemas that --match names: --tenant, --exclude and --selector are for later")
	}
	if a.options.engine != "native" {
		return usagef("adopt writes HCL by the Atlas library: --engine %s is for later", a.options.engine)
	}
	return nil
}

// writeAdopted writes the files and shows what was found.
func (a *app) writeAdopted(found *adopt.Result, o adoptOptions) error {
	dir := filepath.Dir(a.options.file)
	found.Files[0].Path = filepath.Base(a.options.file)
	err := found.Write(dir, o.force)
	var exists *adopt.ExistsError
	if errors.As(err, &exists) {
		return hinted{err, "--force overwrites; --file names another folder"}
	}
	if err != nil {
		return err
	}
	if a.options.output == "json" {
		return writeJSON(a.stdout, found)
	}
	var paths []string
	for _, f := range found.Files {
		paths = append(paths, filepath.Join(dir, f.Path))
	}
	return report.Adoption(a.stdout, found, paths, a.style())
}
