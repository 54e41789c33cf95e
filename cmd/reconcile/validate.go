package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tenantry/internal/diag"
	"tenantry/internal/report"
)

func (a *app) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "validate", Short: "Checks tenants.yaml, atlas.hcl and the HCL without a database", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.validate() },
	}
}

func (a *app) validate() error {
	if err := oneOf("--output", a.options.output, "text", "json", "sarif"); err != nil {
		return err
	}
	w, err := a.load()
	if err != nil {
		return err
	}
	var diags diag.List
	files := make(map[string]bool)
	blueprints := 0
	for _, name := range w.desired.Databases() {
		for _, b := range w.desired.Blueprints(name) {
			blueprints++
			add(&diags, b.Check())
			for _, f := range b.Files() {
				files[f] = true
			}
		}
	}
	if diags.HasErrors() {
		return diags.Err()
	}
	a.annotate(diags)
	if a.options.output != "text" {
		return a.render(a.stdout, a.options.output, reportOf(diags))
	}
	report.Diagnostics(a.stderr, diags, nil, a.style())
	_, err = fmt.Fprintf(a.stdout, "%s is valid: %s, %s in %s.\n", a.options.file,
		report.Count(len(w.file.Tenants), "tenant"), report.Count(blueprints, "blueprint"), report.Count(len(files), "source file"))
	return err
}
