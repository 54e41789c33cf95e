package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"tenantry/internal/diag"
	"tenantry/schema"
	"tenantry/state"
)

// FormatVersion is the version of a plan's JSON. A reader ignores fields that
// it does not know, and refuses a major version that it does not know.
const FormatVersion = "1.0"

// A Plan is what would be done, as data: it can be saved, reviewed and applied
// later. It is bound to what it was made from by the fingerprints in it.
type Plan struct {
	FormatVersion string          `json:"format_version"`
	ToolVersion   string          `json:"tool_version"`
	ID            string          `json:"plan_id"`
	Partial       bool            `json:"partial"`
	Shard         string          `json:"shard,omitempty"` // the share of the tenants that was asked for, as k/n
	Allowed       Allowed         `json:"allowed"`
	Desired       DesiredID       `json:"desired"`
	Summary       Summary         `json:"summary"`
	Steps         []Step          `json:"steps"`
	Targets       []PlannedTarget `json:"targets"`
	Diagnostics   []Diagnostic    `json:"diagnostics"`
	// Refused says why nothing of the plan may run, or is "": the guards on the
	// size of what happens, policy.max_removals and policy.max_changes.
	Refused string `json:"refused,omitempty"`

	compiled map[string][]*schema.Compiled // by database: what an apply is to store
	stepByID map[string]int                // where each step is; see indexSteps
	horizons map[string]string             // by database: what an apply that has nothing to do is to keep
	lost     map[string]error              // by database: why nothing can be done there
}

// Allowed says what was allowed to be planned beyond what is by default.
type Allowed struct {
	Destructive bool `json:"destructive"`      // destructive statements, whatever the policy
	Adopt       bool `json:"adopt"`            // schemas that were never managed
	Repair      bool `json:"repair,omitempty"` // files that were changed after they were applied
}

// DesiredID says which files a plan was made from.
type DesiredID struct {
	Revision string `json:"revision"`
	Digest   string `json:"digest"`
}

// Summary counts. Tenants and Targets count what the files ask for; the others
// count targets by what is to become of them, and add up to Targets (Change counts
// those that are resumed, restored, renamed and forgotten as well), but for
// Drifted, which says how many of those that change have drifted, and Orphaned,
// which the files do not ask for.
type Summary struct {
	Tenants   int `json:"tenants"`
	Targets   int `json:"targets"`
	Create    int `json:"create"`
	Change    int `json:"change"`
	Drifted   int `json:"drifted"`
	Orphaned  int `json:"orphaned"`
	Retire    int `json:"retire"`
	Suspend   int `json:"suspend"`
	Unchanged int `json:"unchanged"`
	Blocked   int `json:"blocked"`
	Failed    int `json:"failed"`
	Unplanned int `json:"unplanned"` // targets that still differ where nothing could be planned; among the others
}

// work counts the targets that an apply does something about.
func (s *Summary) work() int { return s.Create + s.Change + s.Retire + s.Suspend }

// Action is what is to become of a target.
type Action string

const (
	ActionCreate   Action = "create"   // its schema is made
	ActionChange   Action = "change"   // its structure is changed
	ActionNone     Action = "none"     // it is as it should be
	ActionSuspend  Action = "suspend"  // nobody may use it any more; its data stays
	ActionResume   Action = "resume"   // it was suspended, and is used again
	ActionRetire   Action = "retire"   // its schema is put aside under another name
	ActionRestore  Action = "restore"  // it was retired, and comes back
	ActionRename   Action = "rename"   // it had another id, and its schema another name
	ActionForget   Action = "forget"   // it is left as it is, and its record goes
	ActionBlocked  Action = "blocked"  // it should change and may not; see the reason
	ActionOrphaned Action = "orphaned" // it is recorded and no file asks for it; it is left alone
)

// changes reports whether an apply does something about a target.
func (a Action) changes() bool {
	return a != ActionNone && a != ActionBlocked && a != ActionOrphaned
}

// migrates reports whether the target is brought to its blueprint.
func (a Action) migrates() bool {
	return a.changes() && a != ActionRetire && a != ActionForget
}

// Reason says why.
type Reason string

const (
	ReasonMissing           Reason = "missing"            // there is no such schema
	ReasonDefinitionChanged Reason = "definition_changed" // its blueprint is not the one that it was brought to
	ReasonDrifted           Reason = "drifted"            // it is not as it was left
	ReasonFirstSeen         Reason = "first_seen"         // it is there and was never managed
	ReasonNotInFile         Reason = "not_in_file"        // it was managed, and no file asks for it
	ReasonHazard            Reason = "hazard"             // its statements are too dangerous for the policy
	ReasonUnplanned         Reason = "unplanned"          // it differs in a way that nothing we know of would mend
	ReasonActive            Reason = "active"             // the file says that it is active again
	ReasonSuspended         Reason = "suspended"          // the file says so
	ReasonRetired           Reason = "retired"            // the file says so
	ReasonForgotten         Reason = "forgotten"          // the file says forget: true
	ReasonRenamed           Reason = "renamed"            // the file says which id it had
	ReasonProtected         Reason = "protected"          // it is protected
	ReasonPurging           Reason = "purging"            // a purge of it has begun, and there is no way back
	ReasonNameTaken         Reason = "name_taken"         // another schema has the name that it should get
	ReasonElsewhere         Reason = "elsewhere"          // it is on record in another database, and its rows may be there
	ReasonDistribution      Reason = "distribution"       // in Citus it is not distributed as it should be
	ReasonUnreachable       Reason = "unreachable"        // its database cannot be read, so nobody knows what is to be done
	ReasonMaxRemovals       Reason = "max_removals"       // the run would remove more than policy.max_removals
	ReasonMaxChanges        Reason = "max_changes"        // the run would touch more than policy.max_changes
)

// A Step leads every schema of one structure to one blueprint.
type Step struct {
	ID         string             `json:"id"`
	Action     Action             `json:"action"`
	Blueprint  string             `json:"blueprint"`
	From       string             `json:"from"` // the fingerprint that it starts from; "" for no schema
	To         string             `json:"to"`   // the fingerprint that it was proven to end with
	Statements []schema.Statement `json:"statements"`
	Unplanned  []string           `json:"unplanned"` // what still differs then
	Kept       []string           `json:"kept"`      // what atlas.hcl's diff policy leaves as it is
	Unmanaged  []string           `json:"unmanaged"` // objects that no blueprint made: not touched

	Files []schema.FileRun `json:"files,omitempty"` // the migrations among the statements

	lines     []schema.Line      // what To is the fingerprint of
	goal      schema.Fingerprint // To, in its parts
	keys      *schema.Keys       // that a creation ends with; nil where it ends with something else
	scope     *schema.Scope      // all that the statements touch, or nil where that is not known
	reprinted bool               // it differs from the blueprint only in how PostgreSQL prints it
}

// Destructive reports whether any statement destroys data.
func (s *Step) Destructive() bool {
	for _, stmt := range s.Statements {
		if stmt.Destructive() {
			return true
		}
	}
	return false
}

// unseen reports whether a statement destroys what nobody can look at before it
// does.
func (s *Step) unseen() bool {
	for _, stmt := range s.Statements {
		if slices.ContainsFunc(stmt.Hazards, func(h schema.Hazard) bool { return h.Code == schema.HazardDestructive && h.Table == "" }) {
			return true
		}
	}
	return false
}

// A PlannedTarget is what a plan says of one target.
type PlannedTarget struct {
	Tenant      string       `json:"tenant"`
	Shared      bool         `json:"shared,omitempty"`
	Database    string       `json:"database"`
	Schema      string       `json:"schema"`
	Role        string       `json:"role,omitempty"`        // the role of the tenant's own
	FromRole    string       `json:"from_role,omitempty"`   // what that is called now, where that is another name
	FromSchema  string       `json:"from_schema,omitempty"` // what the schema is called now, where that is another name
	ToSchema    string       `json:"to_schema,omitempty"`   // what it will be called, where that is another name
	Action      Action       `json:"action"`
	Reason      Reason       `json:"reason,omitempty"`
	Step        string       `json:"step,omitempty"`
	Wave        int          `json:"wave"`
	Source      *diag.Pos    `json:"source,omitempty"`
	Drift       []string     `json:"drift"`
	Diagnostics []Diagnostic `json:"diagnostics"`

	// as is what to record of a target that needs no change and whose record is
	// not, or not quite, what was observed.
	as *Record
	// next is what to record of a target that its step is applied to.
	next Record
	// access is the digest of the grants that the target is to have then, or ""
	// where nobody manages them; wanted is what it is of.
	access string
	wanted Wanted
	login  *state.Role // the role that gets its password, or nil
	// forget is the schema whose record goes, or "".
	forget string
	// recorded says that the target is on record and lives; gone that the file had
	// it in the last run, and has it no more.
	recorded, gone bool
	// token is that of the live schema, which makes sure of the base cheaply;
	// settled says that it is on record too.
	token   string
	settled bool
	// names are those of who connects, and to what; learned is what is to be
	// recorded of its history where it has no step, history the mark that it has.
	names   schema.Names
	learned []schema.FileRun
	history string
	// live says that there is such a schema, and not only as what is retired.
	live bool
	// fails is what its rows do not allow.
	fails []string
}

// Names returns what the marks in the statements of the target's step stand for.
func (t *PlannedTarget) Names() schema.Names {
	n := schema.Names{Schema: t.Schema, From: t.Schema, Role: t.Role, FromRole: t.FromRole, User: t.names.User, Database: t.names.Database}
	if t.ToSchema != "" {
		n.Schema = t.ToSchema
	}
	if t.FromSchema != "" {
		n.From = t.FromSchema
	}
	return n
}

// Key returns which live schema it is.
func (t *PlannedTarget) Key() Key { return Key{Database: t.Database, Schema: t.Schema} }

// Failed reports whether no plan could be made for the target.
func (t *PlannedTarget) Failed() bool { return t.failure() != nil }

// failure returns why, or nil.
func (t *PlannedTarget) failure() *Diagnostic {
	for i := range t.Diagnostics {
		if t.Diagnostics[i].Severity == diag.Error {
			return &t.Diagnostics[i]
		}
	}
	return nil
}

// Diagnostic is a diag.Diagnostic in JSON, with its place spread out.
type Diagnostic struct {
	File     string        `json:"file,omitempty"`
	Line     int           `json:"line,omitempty"`
	Column   int           `json:"column,omitempty"`
	Severity diag.Severity `json:"severity"`
	Code     string        `json:"code"`
	Message  string        `json:"message"`
	Hint     string        `json:"hint,omitempty"`
}

// Pos returns its place.
func (d Diagnostic) Pos() diag.Pos { return diag.Pos{File: d.File, Line: d.Line, Column: d.Column} }

// Diagnostics turns a list into its JSON form; it is never nil.
func Diagnostics(list diag.List) []Diagnostic {
	out := make([]Diagnostic, 0, len(list))
	for _, d := range list {
		out = append(out, Diagnostic{File: d.Pos.File, Line: d.Pos.Line, Column: d.Pos.Column, Severity: d.Severity, Code: d.Code, Message: d.Message, Hint: d.Hint})
	}
	return out
}

// Notes is what the plan has to say as a whole: its Diagnostics as a list.
func (p *Plan) Notes() diag.List {
	out := make(diag.List, 0, len(p.Diagnostics))
	for _, d := range p.Diagnostics {
		out = append(out, diag.Diagnostic{Pos: d.Pos(), Severity: d.Severity, Code: d.Code, Message: d.Message, Hint: d.Hint})
	}
	return out
}

// StepOf returns the step of a target, or nil where it has none.
func (p *Plan) StepOf(t *PlannedTarget) *Step {
	if p.stepByID == nil { // nobody has finished it
		if i := slices.IndexFunc(p.Steps, func(s Step) bool { return s.ID == t.Step }); i >= 0 {
			return &p.Steps[i]
		}
	} else if i, ok := p.stepByID[t.Step]; ok {
		return &p.Steps[i]
	}
	return nil
}

// indexSteps makes StepOf quick where every tenant has a step of its own.
func (p *Plan) indexSteps() {
	p.stepByID = make(map[string]int, len(p.Steps))
	for i := range p.Steps {
		p.stepByID[p.Steps[i].ID] = i
	}
}

// Changes reports whether an apply of the plan would change anything, or would
// if it were allowed to.
func (p *Plan) Changes() bool {
	return p.Summary.work()+p.Summary.Blocked > 0
}

// finish counts, and gives every step and the plan the hash of its content.
func (p *Plan) finish() {
	p.FormatVersion = FormatVersion
	p.indexSteps()
	p.count()
	h := sha256.New()
	fmt.Fprintf(h, "plan %s %v {%v %v} %s\n", p.FormatVersion, p.Partial, p.Allowed.Destructive, p.Allowed.Adopt, p.Desired.Digest)
	if p.Allowed.Repair {
		fmt.Fprintln(h, "repair")
	}
	if p.Shard != "" {
		fmt.Fprintf(h, "shard %s\n", p.Shard)
	}
	for _, s := range p.Steps {
		fmt.Fprintln(h, s.ID)
	}
	for _, t := range p.Targets {
		fmt.Fprintf(h, "%q %q %q %s %s %s %d\n", t.Tenant, t.Database, t.Schema, t.Action, t.Reason, t.Step, t.Wave)
		if t.FromSchema != "" || t.Role != "" {
			fmt.Fprintf(h, "from %q role %q from %q\n", t.FromSchema, t.Role, t.FromRole)
		}
	}
	if p.Refused != "" {
		fmt.Fprintf(h, "refused %q\n", p.Refused)
	}
	p.ID = "sha256:" + hex.EncodeToString(h.Sum(nil))
}

func (p *Plan) count() {
	s := Summary{}
	tenants := make(map[string]bool)
	for i := range p.Targets {
		t := &p.Targets[i]
		if t.Action == ActionOrphaned {
			s.Orphaned++
			continue
		}
		s.Targets++
		if !t.Shared {
			tenants[t.Tenant] = true
		}
		switch {
		case t.Failed():
			s.Failed++
		case t.Action == ActionCreate:
			s.Create++
		case t.Action == ActionChange:
			s.Change++
		case t.Action == ActionBlocked:
			s.Blocked++
		case t.Action == ActionRetire:
			s.Retire++
		case t.Action == ActionSuspend:
			s.Suspend++
		case t.Action.changes():
			s.Change++
		default:
			s.Unchanged++
		}
		if t.Reason == ReasonDrifted && t.Action != ActionNone {
			s.Drifted++
		}
		if step := p.StepOf(t); step != nil && len(step.Unplanned) > 0 {
			s.Unplanned++
		}
	}
	s.Tenants = len(tenants)
	p.Summary = s
}

// identify gives the step the hash of its content.
func (s *Step) identify() {
	s.ID = ""
	content, err := json.Marshal(s)
	if err != nil {
		panic("reconcile: a step does not marshal: " + err.Error()) // strings and booleans always do
	}
	sum := sha256.Sum256(content)
	s.ID = "sha256:" + hex.EncodeToString(sum[:])
}
