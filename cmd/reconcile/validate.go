package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"tenantry/internal/diag"
	"tenantry/internal/report"
	"tenantry/schema"
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
		return a.sayWhoCanRead(err)
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
	diags = append(diags, w.desired.CheckCitus()...)
	diags = append(diags, w.desired.Notes()...)
	if diags.HasErrors() {
		return diags.Err()
	}
	a.annotate(diags)
	if a.options.output != "text" {
		return a.render(a.stdout, a.options.output, reportOf(diags))
	}
	report.Diagnostics(a.stderr, diags, nil, a.style())
	if a.options.engine == engineCLI {
		defer w.writeEngines()
	}
	_, err = fmt.Fprintf(a.stdout, "%s is valid: %s, %s in %s.\n", a.options.file,
		report.Count(len(w.file.Tenants), "tenant"), report.Count(blueprints, "blueprint"), report.Count(len(files), "source file"))
	return err
}

// sayWhoCanRead tells of envs that the Atlas binary can read, where what is wrong is
// that the native engine cannot; not of those with a word that is probably misspelt.
func (a *app) sayWhoCanRead(wrong error) error {
	if a.options.engine != engineNative {
		return wrong
	}
	project, err := schema.ReadProject(a.projectPath(), os.Getenv)
	if err != nil {
		return wrong // it is no project file for anybody
	}
	for _, s := range project.Services {
		if len(s.Needs) > 0 && !slices.ContainsFunc(s.Needs, diag.Diagnostic.Misspelt) {
			a.say("env %s needs the Atlas binary: --engine cli", s.Name)
		}
	}
	return wrong
}

// writeEngines says which engine each env needs, and why: for its own sake, or for
// that of its HCL. (What is wrong with HCL altogether is for the binary to say.)
func (w *world) writeEngines() {
	needs := make(map[string]diag.List)
	for _, name := range w.desired.Databases() {
		for _, b := range w.desired.Blueprints(name) {
			list, _ := errors.AsType[diag.List](b.CheckNative())
			for _, d := range list {
				for _, service := range b.Services {
					if s, ok := w.project.Service(service); ok && slices.Contains(s.Sources, d.Pos.File) {
						needs[service] = append(needs[service], d)
					}
				}
			}
		}
	}
	for _, s := range w.project.Services {
		if all := slices.Concat(s.Needs, needs[s.Name]); len(all) > 0 {
			fmt.Fprintf(w.app.stdout, "env %s needs the Atlas binary: %s: %s\n", s.Name, all[0].Pos, redacted(all[0].Message))
		} else {
			fmt.Fprintf(w.app.stdout, "env %s works with either engine\n", s.Name)
		}
	}
}
