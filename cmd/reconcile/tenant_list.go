package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"tenantry/internal/diag"
	"tenantry/internal/report"
	"tenantry/state"
)

func (a *app) tenantListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Lists the tenants of tenants.yaml, with defaults applied", Args: cobra.NoArgs,
		Example: `  reconcile tenant list --selector plan=gold
  reconcile tenant list -o json`,
		RunE: func(*cobra.Command, []string) error { return a.tenantList() },
	}
}

// listedTenant is a tenant with its defaults applied, as JSON.
type listedTenant struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Services []string          `json:"services"`
	Schemas  []string          `json:"schemas"`
	Database string            `json:"database"`
	Labels   map[string]string `json:"labels"`
	Source   diag.Pos          `json:"source"`
}

func (a *app) tenantList() error {
	if err := a.textOrJSON(); err != nil {
		return err
	}
	f, err := a.readTenants()
	if err != nil {
		return err
	}
	targets, _, err := a.selected(f.file)
	if err != nil {
		return err
	}
	tenants := listed(f.file, targets)
	partial := len(tenants) < len(f.file.Tenants)
	if a.options.output == "json" {
		return writeJSON(a.stdout, map[string]any{"partial": partial, "tenants": tenants})
	}
	if err := tenantTable(a.stdout, tenants); err != nil {
		return err
	}
	count := report.Count(len(f.file.Tenants), "tenant")
	if partial {
		count = fmt.Sprintf("%d of %s", len(tenants), count)
	}
	_, err = fmt.Fprintln(a.stdout, count)
	return err
}

// listed returns the tenants that have targets, or those of them with one of
// the ids.
func listed(f *state.File, targets []state.Target, ids ...string) []listedTenant {
	schemas := make(map[string][]string, len(targets))
	for _, t := range targets {
		if !t.Shared() {
			schemas[t.Tenant] = append(schemas[t.Tenant], t.Schema)
		}
	}
	all := []listedTenant{}
	for _, t := range f.Tenants {
		if schemas[t.ID] == nil || len(ids) > 0 && !slices.Contains(ids, t.ID) {
			continue
		}
		labels := t.Labels
		if labels == nil {
			labels = map[string]string{}
		}
		all = append(all, listedTenant{t.ID, t.Name, t.Services, schemas[t.ID], t.Database, labels, t.Pos})
	}
	return all
}

// tenantTable writes the tenants, a line each, in columns.
func tenantTable(w io.Writer, tenants []listedTenant) error {
	if len(tenants) == 0 {
		return nil
	}
	var table bytes.Buffer
	columns := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	row := func(cells ...string) {
		for i, c := range cells {
			cells[i] = printable(c)
		}
		fmt.Fprintln(columns, strings.Join(cells, "\t"))
	}
	row("ID", "NAME", "SERVICES", "SCHEMA", "DATABASE", "LABELS")
	for _, t := range tenants {
		row(t.ID, t.Name, strings.Join(t.Services, ", "), strings.Join(t.Schemas, ", "), t.Database, strings.Join(labelPairs(t.Labels), ", "))
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(table.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// labelPairs returns labels as selectors have them, sorted.
func labelPairs(labels map[string]string) []string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, k+"="+labels[k])
	}
	return all
}

// printable returns text with escapes for whatever does not print: what people
// have named may hold anything.
func printable(text string) string {
	var b strings.Builder
	for _, c := range text {
		if strconv.IsPrint(c) {
			b.WriteRune(c)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(c), "'"))
		}
	}
	return b.String()
}
