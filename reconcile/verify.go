package reconcile

import "context"

// PostgreSQL only warns where it revokes less than it was told: a grant that
// another role has made stays. So when all is done the grants are read again,
// of all targets at once, and only what is right is recorded as that.

// verifyGrants reads the grants of the targets that were applied. A target whose
// grants are not what they should be has failed.
func (a *applying) verifyGrants(ctx context.Context, db Database, indexes []int) error {
	var applied []int
	var asked []Granted
	for _, i := range indexes {
		if t := &a.plan.Targets[i]; t.access != "" && a.outcomes[i].Result == ResultApplied {
			applied = append(applied, i)
			asked = append(asked, Granted{Schema: t.Names().Schema, Role: t.Role})
		}
	}
	if len(asked) == 0 {
		return nil
	}
	hashes, err := db.Grants(ctx, asked)
	if err != nil {
		return err
	}
	type place struct{ hash, access string }
	known := make(map[place][]delta)
	right := make(map[string]string)
	for n, i := range applied {
		t := &a.plan.Targets[i]
		at := place{hashes[asked[n].Schema], t.access}
		left, ok := known[at]
		if !ok {
			lines, err := db.GrantLines(ctx, asked[n])
			if err != nil {
				return err
			}
			left = deltas(lines, t.wanted)
			known[at] = left
		}
		if len(left) == 0 {
			right[asked[n].Schema] = t.access
		} else if err := a.notGranted(ctx, db, i, left); err != nil {
			return err
		}
	}
	if len(right) == 0 {
		return nil
	}
	return db.RecordAccess(ctx, right)
}

// notGranted reports a target whose grants did not become what they should.
func (a *applying) notGranted(ctx context.Context, db Database, i int, left []delta) error {
	cause := "the statements ran, but still " + left[0].String() + ": a role that has granted it must revoke it"
	a.failures.Add(1)
	a.outcomes[i].Result, a.outcomes[i].Error = ResultFailed, cause
	r := a.plan.Targets[i].next
	r.Schema, r.Status = a.plan.Targets[i].Names().Schema, StatusFailed
	return db.RecordFailure(ctx, a.run, r, cause)
}
