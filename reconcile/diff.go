package reconcile

import "tenantry/schema"

// A Change is what Diff says of one target.
type Change struct {
	Target  Target
	Action  Action
	Reason  Reason
	At      string // what its schema is called now, where it exists
	Exists  bool
	From    schema.Fingerprint // of the live schema, if it exists
	Token   string             // of the live schema, if it exists
	Record  *Record            // nil where it was never managed
	Differs bool               // the live schema is not like its blueprint, or its history is not
	Access  access             // what is to be done about who may use it

	Applied  []schema.Applied // of a versioned target, unless it is settled
	Pending  []schema.FileRun
	Repaired []schema.FileRun // of those, what is to be recorded as it is now
	History  string           // the mark of that
	Wrong    error            // why its history does not go with the files

	notes []Diagnostic       // what else there is to say
	extra []schema.Statement // what is to be done that is no matter of structure
}

// Diff compares the targets of one database with what is live there: a function
// of its arguments, without I/O. compiled gives the fingerprint that a
// blueprint's digest compiles to. Orphans come last, unless only some of the
// targets were asked for: then nobody can tell.
func Diff(desired *Desired, database string, compiled map[string]schema.Fingerprint, observed *Observed) []Change {
	records := indexRecords(observed.Records)
	var out []Change
	for _, t := range desired.Targets {
		if t.Database != database {
			continue
		}
		c := Change{Target: t, Record: records.of(&t)}
		c.find(observed)
		c.follow(observed, desired.Repair)
		c.decide(compiled[t.Blueprint.Digest], desired.Adopt || t.Adopt || t.Moved)
		out = append(out, c)
	}
	if desired.Partial {
		return out
	}
	for i := range observed.Records {
		r := &observed.Records[i]
		if c := orphan(database, r); !records.taken[r] && c.Action == ActionOrphaned {
			out = append(out, c)
		}
	}
	return out
}

// orphan returns what is to be done about a record that no target of the file
// stands for.
func orphan(database string, r *Record) Change {
	c := Change{Target: Target{Key: Key{Database: database, Schema: r.Schema}, Tenant: r.Tenant, Shared: r.Shared}, Record: r, Exists: true, At: r.Schema}
	m := moves[situation{c.standing(false), WishUnnamed}]
	c.Action, c.Reason = m.Action, m.Reason
	return c
}

// recordIndex finds the record of a target.
type recordIndex struct {
	bySchema map[string]*Record
	byHome   map[string]*Record // what is retired, by the name that it had
	taken    map[*Record]bool
}

func indexRecords(records []Record) *recordIndex {
	x := &recordIndex{bySchema: make(map[string]*Record, len(records)), byHome: make(map[string]*Record), taken: make(map[*Record]bool, len(records))}
	for i := range records {
		r := &records[i]
		x.bySchema[r.Schema] = r
		if r.Home != "" {
			x.byHome[r.Home] = r
		}
	}
	return x
}

// of returns the record of a target: under its own name, under the one that it
// was given when it was retired, or under those that it had with its former id.
func (x *recordIndex) of(t *Target) *Record {
	r := x.bySchema[t.Schema]
	if r == nil {
		r = x.byHome[t.Schema]
	}
	if r == nil && t.Former != "" {
		if r = x.bySchema[t.Former]; r == nil {
			r = x.byHome[t.Former]
		}
		if r != nil && r.Tenant != t.Was {
			r = nil
		}
	}
	if r != nil {
		x.taken[r] = true
	}
	return r
}

// find says which live schema the target has now.
func (c *Change) find(observed *Observed) {
	c.At = c.Target.Schema
	if c.Record != nil {
		c.At = c.Record.Schema
	}
	live, exists := observed.Live[c.At]
	c.Exists, c.From, c.Token = exists, live.Fingerprint, live.Token
	if c.Record != nil && c.Record.Home != "" && c.Target.wish() != WishActive && c.Target.wish() != WishSuspended {
		c.Exists = true // nobody looks at what is retired and stays so
	}
	if _, other := observed.Live[c.Target.Schema]; other && c.At != c.Target.Schema {
		c.Reason = ReasonNameTaken
	}
}

// decide looks up what to do. Where the target is to have another name, that is
// a part of it.
func (c *Change) decide(want schema.Fingerprint, adopt bool) {
	taken := c.Reason == ReasonNameTaken
	wish := c.Target.wish()
	standing := c.standing(adopt && wish != WishActive)
	m := moves[situation{standing, wish}]
	c.Action, c.Reason = m.Action, m.Reason
	c.Differs = c.Exists && (c.From != want && !c.foundSo(want) || len(c.Pending)+len(c.Repaired) > 0 || c.Wrong != nil)
	moved := c.Exists && c.At != c.Target.Schema
	switch {
	case m.Action == ActionChange && moved:
		c.Action, c.Reason = ActionRename, ReasonRenamed
	case m.Action == ActionChange:
		c.compare()
	case m.Action == ActionForget && c.Record == nil:
		c.Action, c.Reason = ActionNone, ""
	}
	if moved && taken && c.Action.migrates() {
		c.Action, c.Reason = ActionBlocked, ReasonNameTaken
	}
}

// compare says whether and why a target that stays what it is changes.
func (c *Change) compare() {
	switch {
	case !c.Differs:
		c.Action, c.Reason = ActionNone, ""
		if c.Record == nil {
			c.Reason = ReasonFirstSeen
		}
	case c.Record == nil || c.Record.Blueprint == "":
		c.Action, c.Reason = ActionChange, ReasonFirstSeen
	case c.From != c.Record.Fingerprint && c.Record.Status != StatusBetween: // what an interrupted step has left is no drift
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
	return r != nil && r.Blueprint == c.Target.Blueprint.Digest && r.Fingerprint == c.From &&
		(r.Status == StatusApplied && c.From.Structure == want.Structure || r.Status == StatusSame)
}

// foundAs is how a schema that needs no change was found.
func (c *Change) foundAs() Status {
	if c.Record != nil && c.Record.Status == StatusSame && c.Record.Fingerprint == c.From {
		return StatusSame
	}
	return StatusApplied
}
