package reconcile

import (
	"context"
	"fmt"
	"time"
)

// polling is how often the records of shared services are looked at that another
// run brings about.
const polling = 500 * time.Millisecond

// await waits until the shared services of a database are what they should be
// that another run brings about: the first of those that share the work.
func (a *applying) await(ctx context.Context, p *part) error {
	wanted := make(map[string]*Target)
	var schemas []string
	for i := range a.Awaited {
		if t := &a.Awaited[i]; t.Database == p.db.Name() {
			wanted[t.Schema] = t
			schemas = append(schemas, t.Schema)
		}
	}
	if len(schemas) == 0 || len(p.pending) == 0 {
		return nil
	}
	for until := a.Now().Add(a.Wait); ; {
		missing, err := notYet(ctx, p.db, wanted, schemas)
		switch {
		case err != nil && !p.db.Retryable(err):
			return err
		case err == nil && missing == nil:
			return nil
		case !a.Now().Before(until) && err != nil:
			return err
		case !a.Now().Before(until):
			return fmt.Errorf("the shared service %q is not as it should be in the database %s, which --shard 1/n sees to: waited %s for it", missing.Tenant, p.db.Name(), a.Wait)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(polling, max(a.Wait/10, time.Millisecond))):
		}
	}
}

// notYet returns the first of the shared services that is not on record as what it
// should be, or nil.
func notYet(ctx context.Context, db Database, wanted map[string]*Target, schemas []string) (*Target, error) {
	seen, err := db.Observe(ctx, schemas, false)
	if err != nil {
		return nil, err
	}
	done := make(map[string]bool)
	for _, r := range seen.Records {
		t := wanted[r.Schema]
		done[r.Schema] = t != nil && r.Blueprint == t.Blueprint.Digest && (r.Status == StatusApplied || r.Status == StatusSame)
	}
	for _, name := range schemas {
		if !done[name] {
			return wanted[name], nil
		}
	}
	return nil, nil
}
