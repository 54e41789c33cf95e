package reconcile

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tenantry/state"
)

// A Purger is a database that what is retired can be dropped from.
type Purger interface {
	Name() string
	Observe(ctx context.Context, schemas []string, all bool) (*Observed, error)
	Prepare(ctx context.Context) error
	Begin(ctx context.Context, run Run) error
	End(ctx context.Context, run Run, outcome string) error
	// Purge drops what the record of a retired schema is of, in transactions that
	// hold no more locks than the server grants to one, and in the end the record.
	// It returns how many objects it dropped, which are gone beside an error too.
	Purge(ctx context.Context, run Run, r Record, lockTimeout time.Duration) (dropped int, err error)
}

// A Retiree is a retired schema, and whether it may be purged.
type Retiree struct {
	Record
	Until  time.Time // when its time is over
	Over   bool      // it is
	Begun  bool      // a purge of it was interrupted
	Reason string    // why it may not be purged whatever is confirmed, or ""
}

// Retirees returns what is retired in a database, ordered by schema. A tenant
// that the file wants back is not to be purged.
func Retirees(ctx context.Context, db Purger, desired *Desired, now time.Time) ([]Retiree, error) {
	observed, err := db.Observe(ctx, nil, true)
	if err != nil {
		return nil, err
	}
	var out []Retiree
	for _, r := range observed.Records {
		if r.Home == "" {
			continue
		}
		until := r.RetiredAt.Add(desired.Policy.RetireAfter)
		x := Retiree{Record: r, Until: until, Over: !now.Before(until), Begun: r.State == StandingPurging}
		i := slices.IndexFunc(desired.Targets, func(t Target) bool { return t.Database == db.Name() && t.Schema == r.Home })
		switch {
		case r.Protected || i >= 0 && desired.Targets[i].Protected != nil && *desired.Targets[i].Protected:
			x.Reason = "it is protected"
		case i >= 0 && desired.Targets[i].State != state.Retired && !x.Begun:
			x.Reason = fmt.Sprintf("%s does not say that it is retired", desired.Targets[i].Source)
		}
		out = append(out, x)
	}
	return out, nil
}
