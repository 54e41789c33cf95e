package reconcile

import "tenantry/schema"

// A Change is what Diff says of one target.
type Change struct {
	Target Target
	Action Action // create, change, none or orphaned
	Reason Reason
	Exists bool
	From   schema.Fingerprint // of the live schema, if it exists
	Token  string             // of the live schema, if it exists
	Record *Record            // nil where it was never managed
}

// Diff compares the targets of one database with what is live there: a function
// of its arguments, without I/O. compiled gives the fingerprint that a
// blueprint's digest compiles to. Orphans come last, unless only some of the
// targets were asked for: then nobody can tell.
func Diff(desired *Desired, database string, compiled map[string]schema.Fingerprint, observed *Observed) []Change {
	records := make(map[string]*Record, len(observed.Records))
	for i := range observed.Records {
		records[observed.Records[i].Schema] = &observed.Records[i]
	}
	var out []Change
	asked := make(map[string]bool)
	for _, t := range desired.Targets {
		if t.Database != database {
			continue
		}
		asked[t.Schema] = true
		live, exists := observed.Live[t.Schema]
		c := Change{Target: t, Exists: exists, From: live.Fingerprint, Token: live.Token, Record: records[t.Schema]}
		c.decide(compiled[t.Blueprint.Digest])
		out = append(out, c)
	}
	if desired.Partial {
		return out
	}
	for i := range observed.Records {
		r := &observed.Records[i]
		if !asked[r.Schema] {
			out = append(out, Change{
				Target: Target{Key: Key{Database: database, Schema: r.Schema}, Tenant: r.Tenant, Shared: r.Shared},
				Action: ActionOrphaned, Reason: ReasonNotInFile, Record: r,
			})
		}
	}
	return out
}

func (c *Change) decide(want schema.Fingerprint) {
	switch {
	case !c.Exists:
		c.Action, c.Reason = ActionCreate, ReasonMissing
	case c.From == want || c.foundSo(want):
		c.Action = ActionNone
		if c.Record == nil {
			c.Reason = ReasonFirstSeen
		}
	case c.Record == nil || c.Record.Blueprint == "":
		c.Action, c.Reason = ActionChange, ReasonFirstSeen
	case c.From != c.Record.Fingerprint:
		c.Action, c.Reason = ActionChange, ReasonDrifted
	default:
		c.Action, c.Reason = ActionChange, ReasonDefinitionChanged
	}
}

// foundSo reports whether the schema is as it was left by the last apply of this
// very blueprint, which found that only objects that no blueprint made are in
// its way to being equal.
func (c *Change) foundSo(want schema.Fingerprint) bool {
	r := c.Record
	return r != nil && r.Status == StatusApplied && r.Blueprint == c.Target.Blueprint.Digest &&
		r.Fingerprint == c.From && c.From.Structure == want.Structure
}
