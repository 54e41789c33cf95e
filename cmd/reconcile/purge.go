package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tenantry/internal/embedded"
	"tenantry/internal/postgres"
	"tenantry/internal/report"
	"tenantry/reconcile"
)

// purgeOptions say what may be dropped.
type purgeOptions struct {
	confirm                       []string
	allExpired, immediate, dryRun bool
}

func (a *app) purgeCommand() *cobra.Command {
	var o purgeOptions
	cmd := &cobra.Command{
		Use: "purge", Short: "Drops retired schemas whose time is over", Args: noArguments,
		Long: `purge lists what is retired, and drops what is confirmed: tenants by their id, or
all whose policy.retire_after is over. Where policy.archive names a folder, a
schema is dumped to it with pg_dump first, and the dump is checked.

It drops in batches that hold no more locks than the server's
max_locks_per_transaction. One that was interrupted goes on when it is run again.`,
		Example: `  reconcile purge                       list what is retired
  reconcile purge --confirm acme        drop acme, if its time is over
  reconcile purge --all-expired         drop all whose time is over
  reconcile purge --confirm acme --immediate`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.purge(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.confirm, "confirm", nil, "drop the retired tenant of this `id`; repeatable")
	f.BoolVar(&o.allExpired, "all-expired", false, "drop all whose time is over")
	f.BoolVar(&o.immediate, "immediate", false, "with --confirm: whether its time is over or not, as the law may demand")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be dropped; drop nothing")
	return cmd
}

// purged is what became of a retired schema, as JSON.
type purged struct {
	Tenant    string    `json:"tenant"`
	Database  string    `json:"database"`
	Schema    string    `json:"schema"`
	RetiredAt time.Time `json:"retired_at"`
	Until     time.Time `json:"until"`
	Outcome   string    `json:"outcome"` // purged, to_purge (a dry run), kept, blocked, failed
	Error     string    `json:"error,omitempty"`
	Objects   int       `json:"objects,omitempty"` // how many were dropped
	Archive   string    `json:"archive,omitempty"` // the file that it was dumped to
}

func (a *app) purge(ctx context.Context, o purgeOptions) error {
	switch {
	case o.immediate && len(o.confirm) == 0:
		return usagef("--immediate is for what --confirm names")
	case o.allExpired && len(o.confirm) > 0:
		return usagef("--all-expired and --confirm exclude each other")
	}
	if err := a.textOrJSON(); err != nil {
		return err
	}
	return a.inWorld(ctx, func(w *world) error {
		all, err := w.purge(ctx, o)
		if err != nil {
			return err
		}
		if err := a.sayPurged(all, o); err != nil {
			return err
		}
		return purgeEnding(all)
	})
}

// purge purges database by database.
func (w *world) purge(ctx context.Context, o purgeOptions) ([]purged, error) {
	names, known := w.desired.Databases(), make(map[string]bool)
	retirees := make([][]reconcile.Retiree, len(names))
	for i, name := range names {
		var err error
		if retirees[i], err = reconcile.Retirees(ctx, w.databases[name], w.desired, time.Now()); err != nil {
			return nil, err
		}
		for _, r := range retirees[i] {
			known[r.Tenant] = true
		}
	}
	for _, id := range o.confirm {
		if !known[id] {
			return nil, usagef("there is no retired tenant %q", id)
		}
	}
	all, run := []purged{}, newRun(w.desired.Revision)
	for i, name := range names {
		some, err := w.purgeIn(ctx, w.databases[name], retirees[i], run, o)
		all = append(all, some...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// purgeIn purges one database's, with a run on record where anything is done.
func (w *world) purgeIn(ctx context.Context, db *postgres.DB, retirees []reconcile.Retiree, run reconcile.Run, o purgeOptions) (all []purged, err error) {
	begun, outcome := false, "done"
	for _, r := range retirees {
		p := purged{Tenant: r.Tenant, Database: db.Name(), Schema: r.Schema, RetiredAt: r.RetiredAt, Until: r.Until, Outcome: "kept"}
		asked := slices.Contains(o.confirm, r.Tenant)
		switch {
		case !asked && !(o.allExpired && (r.Over || r.Begun)):
		case r.Reason != "":
			p.Outcome, p.Error = "blocked", r.Reason
		case !r.Over && !r.Begun && !o.immediate:
			p.Outcome, p.Error = "blocked", "its time is not over before "+r.Until.UTC().Format(time.DateTime)+" UTC; --immediate drops it now"
		case o.dryRun:
			p.Outcome = "to_purge"
		default:
			if !begun {
				if err := errors.Join(db.Prepare(ctx), db.Begin(ctx, run)); err != nil {
					return all, err
				}
				begun = true
			}
			p.Outcome = "purged"
			if err := w.purgeOne(ctx, db, r, run, &p); err != nil {
				p.Outcome, p.Error, outcome = "failed", err.Error(), "failed"
			}
		}
		all = append(all, p)
	}
	if begun {
		err = db.End(context.WithoutCancel(ctx), run, outcome)
	}
	return all, err
}

// purgeOne archives a schema where that is wanted, and drops it.
func (w *world) purgeOne(ctx context.Context, db *postgres.DB, r reconcile.Retiree, run reconcile.Run, p *purged) (err error) {
	if folder := w.desired.Policy.Archive; folder != "" && !r.Begun { // else what is left is not worth it
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return fmt.Errorf("policy.archive: %w", err)
		}
		p.Archive = filepath.Join(folder, url.PathEscape(r.Schema)+".dump")
		if err := db.Archive(ctx, r.Schema, p.Archive, program); err != nil {
			p.Archive = ""
			return err
		}
	}
	p.Objects, err = db.Purge(ctx, run, r.Record, w.desired.Policy.LockTimeout)
	return err
}

// program finds a program of PostgreSQL: in PATH, else where an installed server
// has its own.
func program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	bin, err := embedded.Find(context.Background(), "")
	if err != nil {
		return "", fmt.Errorf("there is no %s on this machine: install PostgreSQL's client programs, or leave out policy.archive", name)
	}
	return filepath.Join(bin.Dir, name), nil
}

func (a *app) sayPurged(all []purged, o purgeOptions) error {
	if a.options.output == "json" {
		return writeJSON(a.stdout, map[string]any{"dry_run": o.dryRun, "purged": all})
	}
	for _, p := range all {
		if _, err := fmt.Fprintln(a.stdout, p.say()); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(a.stdout, "Nothing is retired.")
		return err
	}
	return nil
}

func (p *purged) say() string {
	who := fmt.Sprintf("the tenant %s (schema %s in %s)", p.Tenant, p.Schema, p.Database)
	switch p.Outcome {
	case "purged":
		if p.Archive != "" {
			return "purged " + who + ": " + report.Count(p.Objects, "object") + ", archived in " + p.Archive
		}
		return "purged " + who + ": " + report.Count(p.Objects, "object")
	case "to_purge":
		return "would purge " + who
	case "kept":
		return "kept " + who + ": retired until " + p.Until.UTC().Format(time.DateTime) + " UTC"
	}
	return p.Outcome + ": " + who + ": " + p.Error
}

func purgeEnding(all []purged) error {
	code := exitCode(0)
	for _, p := range all {
		switch {
		case p.Outcome == "failed":
			return exitCode(exitFailed)
		case p.Outcome == "blocked":
			code = exitBlocked
		}
	}
	if code == 0 {
		return nil
	}
	return code
}
