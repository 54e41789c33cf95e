package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tenantry/schema"
	"tenantry/state"
)

// access is what is to be done about who may use a target.
type access struct {
	key     string // the same for targets that the same is to be done for
	managed bool
	digest  string // of what is wanted, where it is managed
	wanted  Wanted
	right   bool // it was looked at, and is as it should be

	before    []schema.Statement // what makes or renames the role of the tenant's own
	deltas    []delta
	restored  []schema.Statement // what brings back what was withdrawn
	ending    []schema.Statement // what ends the role's sessions
	withdrawn string             // what to record as Record.Withdrawn
	drift     []string
	login     *state.Role // it gets its password
	role      string      // the role of the tenant's own, as it will be called
	fromRole  string      // and as it is called now, where that is another name
	fresh     bool        // the schema is yet to be made
	err       error       // why it cannot be planned
}

// routineKinds are the lines of what PUBLIC may execute unless told otherwise.
var routineKinds = []schema.Kind{schema.KindFunction, schema.KindProcedure, schema.KindAggregate}

// after returns what is done once the structure is there, whose lines may be
// known.
func (a *access) after(lines []schema.Line) []schema.Statement {
	all := a.deltas
	routines := slices.ContainsFunc(lines, func(l schema.Line) bool { return slices.Contains(routineKinds, l.Kind) })
	if a.managed && routines && !slices.ContainsFunc(all, func(d delta) bool { return d.kind == GrantRoutine && d.grantee == Public }) {
		all = append([]delta{everyonesRoutines}, all...)
	}
	return slices.Concat(statementsOf(all), a.restored, a.ending)
}

// creating returns the statements that make a schema, with who may use it as
// soon as there is a schema.
func (a *access) creating(statements []schema.Statement) []schema.Statement {
	if !a.managed {
		return statements
	}
	made := slices.IndexFunc(statements, func(s schema.Statement) bool { return strings.HasPrefix(s.SQL, "CREATE SCHEMA ") })
	if made++; made == 0 {
		made = len(statements)
	}
	return slices.Concat(statements[:made], statementsOf(fresh(a.wanted)), statements[made:])
}

func statementsOf(all []delta) (out []schema.Statement) {
	for i := range all {
		out = append(out, all[i].statement())
	}
	return out
}

// lookAtGrants finds what is to be done about who may use each target. Where the
// token stands still and what was wanted then is wanted now, nobody looks.
func (d *databasePlanner) lookAtGrants(ctx context.Context, changes []Change) error {
	var looked []*Change
	for i := range changes {
		c := &changes[i]
		if c.Target.Blueprint == nil || c.Target.Shared || c.Action == ActionOrphaned || c.Action == ActionForget || c.Action == ActionBlocked {
			continue
		}
		if c.Action == ActionNone && (!c.Exists || c.Record != nil && c.Record.Home != "") {
			continue // nothing is there, or it is put aside
		}
		c.wantAccess()
		if c.Access.managed && c.Exists && c.grantsMoved() {
			looked = append(looked, c)
		}
	}
	if err := d.findRoles(ctx, changes, looked); err != nil || len(looked) == 0 {
		return err
	}
	return d.compareGrants(ctx, looked)
}

// wantAccess says what the target's grants should be.
func (c *Change) wantAccess() {
	a := &c.Access
	a.managed = c.Target.Managed() || c.Target.wish() != WishActive
	a.fresh = !c.Exists
	if r := c.Record; r != nil {
		a.role, a.withdrawn = r.Role, r.Withdrawn
	}
	if c.Target.Role != nil {
		a.role = c.Target.Role.Name
	}
	if a.managed {
		a.wanted = wantedOf(&c.Target)
		a.digest = a.wanted.digest()
		a.key = fmt.Sprintf("%v %s", a.fresh, a.digest)
	}
	if c.Target.wish() == WishActive && a.withdrawn != "" {
		if !a.managed {
			a.restored = restoring(a.withdrawn)
			a.key = "restoring " + a.withdrawn
		}
		a.withdrawn = ""
	}
}

// grantsMoved reports whether the target's grants may not be what they should.
func (c *Change) grantsMoved() bool {
	r := c.Record
	return r == nil || r.Access != c.Access.digest || r.Role != c.Access.role || r.Token != c.Token || c.Action == ActionRetire
}

// roleNow returns what the role of the tenant's own is called now.
func (a *access) roleNow() string {
	if a.fromRole != "" {
		return a.fromRole
	}
	return a.role
}

// compareGrants compares what is with what is wanted, once for all targets that
// are alike.
func (d *databasePlanner) compareGrants(ctx context.Context, looked []*Change) error {
	asked := make([]Granted, len(looked))
	for i, c := range looked {
		asked[i] = Granted{Schema: c.At, Role: c.Access.roleNow()}
	}
	hashes, err := d.db.Grants(ctx, asked)
	if err != nil {
		return err
	}
	known := make(map[string][]GrantLine)
	for i, c := range looked {
		hash := hashes[c.At]
		lines, ok := known[hash]
		if !ok {
			if lines, err = d.db.GrantLines(ctx, asked[i]); err != nil {
				return err
			}
			known[hash] = lines
		}
		c.compareAccess(hash, lines, d.desired.Policy.EndSessions)
	}
	return nil
}

// compareAccess says what is to be done about the target's grants.
func (c *Change) compareAccess(hash string, lines []GrantLine, endSessions bool) {
	a := &c.Access
	a.deltas = deltas(lines, a.wanted)
	a.right = len(a.deltas) == 0
	a.key += fmt.Sprintf("\ngrants %s wanted %s", hash, a.digest)
	if (c.Action == ActionSuspend || c.Action == ActionRetire) && !c.Target.Managed() && a.withdrawn == "" {
		a.withdrawn = withdrawing(a.deltas)
	}
	if (c.Action == ActionSuspend || c.Action == ActionRetire) && endSessions && a.role != "" {
		a.ending = []schema.Statement{endingSessions}
	}
	if c.Action == ActionNone && !a.right {
		c.changeAccess()
	}
	for i := range a.deltas {
		a.drift = append(a.drift, a.deltas[i].String())
	}
}

// withdrawing returns what gives back what the deltas take, to be recorded.
func withdrawing(all []delta) string {
	var back []string
	for i := len(all) - 1; i >= 0; i-- {
		back = append(back, all[i].statement().Reverse...)
	}
	if len(back) == 0 {
		return ""
	}
	text, err := json.Marshal(back)
	if err != nil {
		panic("reconcile: statements do not marshal: " + err.Error()) // they are texts
	}
	return string(text)
}

// restoring returns the statements that were recorded.
func restoring(withdrawn string) (out []schema.Statement) {
	var back []string
	if err := json.Unmarshal([]byte(withdrawn), &back); err != nil {
		return nil // nobody but us writes it
	}
	for _, sql := range back {
		out = append(out, schema.Statement{
			SQL: sql, Comment: "what was granted before it was withdrawn", Transactional: true, Hazards: []schema.Hazard{}, Named: true,
		})
	}
	return out
}

// changeAccess makes a target that is as it should be one that changes, for who
// may use it.
func (c *Change) changeAccess() {
	c.Action, c.Reason = ActionChange, ReasonDefinitionChanged
	switch {
	case c.Record == nil:
		c.Reason = ReasonFirstSeen
	case c.Record.Access == c.Access.digest:
		c.Reason = ReasonDrifted
	}
}

// record says in a record who may use the target: as it is found where nothing
// is done, and not yet known where something is.
func (a *access) record(r *Record, settled bool) {
	r.Access = ""
	if a.managed && settled {
		r.Access = a.digest
	}
	r.Role, r.Withdrawn = a.role, a.withdrawn
}
