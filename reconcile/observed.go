package reconcile

import (
	"context"
	"time"

	"tenantry/schema"
)

// A Database is one managed database, as this package needs it. Errors name the
// database and hold no password.
type Database interface {
	Granter
	// Name is the name that tenants.yaml gives it.
	Name() string
	// Connect makes sure that it can be reached. All that follows needs that.
	Connect(ctx context.Context) error
	// Identity is the same for two names of one database, as far as that can be seen,
	// and different for any others; "" where Connect has not reached one.
	Identity() string
	// Rest lets go of connections that are not in use, where the database is one of
	// very many; it is connected to again when it is needed.
	Rest()
	// Major is the server's major version, once Connect has reached it.
	Major() int
	// Observe reads what the schemas named hold now and what the control schema,
	// which may not exist yet, records: of all schemas, or only of those that have
	// or had one of the names.
	Observe(ctx context.Context, schemas []string, all bool) (*Observed, error)
	// RecordsOf returns the records of the tenants, whatever their schemas are called.
	RecordsOf(ctx context.Context, tenants []string) ([]Record, error)
	// Lines returns the lines of one live schema, sorted; none where there is no schema.
	Lines(ctx context.Context, schema string) ([]schema.Line, error)
	// Migrations returns what the control schema, and Flyway's table where there is
	// one, say of the migrations of each of the schemas.
	Migrations(ctx context.Context, schemas []string) (map[string]History, error)
	// Ask puts questions to the rows of a schema: templates of read-only queries for
	// one boolean each. It takes little time, and answers unknown rather than more.
	Ask(ctx context.Context, schema string, questions []string) ([]Answer, error)
	// Check runs a query for one boolean, a template, in a transaction that changes
	// nothing. It returns an error where that is not true.
	Check(ctx context.Context, schema, query string) error
	// Workbench opens a workbench in this database.
	Workbench(ctx context.Context) (schema.Workbench, error)
	// Compiled returns those of the digests that are stored as compiled by this
	// version of the engine for this version of the server.
	Compiled(ctx context.Context, engine string, digests []string) ([]*schema.Compiled, error)

	// Prepare makes the control schema, or brings it to this version.
	Prepare(ctx context.Context) error
	// Begin records a run. End records how it ended.
	Begin(ctx context.Context, run Run) error
	End(ctx context.Context, run Run, outcome string) error
	// StoreCompiled keeps what was compiled by the engine for this server.
	StoreCompiled(ctx context.Context, engine string, compiled []*schema.Compiled) error
	// ApplyStep applies a step to one target in a transaction, or, where
	// statements must run outside of one, in as few as can be.
	// It returns a *StaleError, a *NotConvergedError, a *NotEmptyError, ErrBusy or
	// ErrAlready where those say what happened; then nothing was changed.
	ApplyStep(ctx context.Context, w Work) error
	// KeepHorizon keeps what Observe has found, for the next run.
	KeepHorizon(ctx context.Context, horizon string) error
	// Record records targets that need no change as they are.
	Record(ctx context.Context, run Run, records []Record) error
	// Learn records migrations that need not run, as run.
	Learn(ctx context.Context, run Run, learned []Learned) error
	// Forget drops the records of schemas, and leaves the schemas alone.
	Forget(ctx context.Context, run Run, schemas []string) error
	// RecordFailure records that a target could not be brought to its blueprint.
	RecordFailure(ctx context.Context, run Run, r Record, cause string) error
	// Runs returns the last runs, the newest first. Changes returns the last
	// changes of a tenant, or of all where tenant is "", the newest first.
	Runs(ctx context.Context, limit int) ([]PastRun, error)
	Changes(ctx context.Context, tenant string, limit int) ([]PastChange, error)
	// Retryable reports whether the error may not come again.
	Retryable(err error) bool
	// Gone reports whether the error says that nothing can be done in the whole
	// database: it is not reached, or may only be read.
	Gone(err error) bool
}

// Observed is what is: the live schemas that were asked for, and the records.
type Observed struct {
	Live    map[string]Live // by schema; those that do not exist are absent
	Records []Record        // ordered by schema
	Managed bool            // the control schema exists
	Citus   *Citus          // nil where the database is not asked to be one of Citus
	Notes   []Diagnostic    // what else there is to say of the database
	Absent  bool            // there is no such database yet; Prepare makes it
	User    string          // who connects
	// Database is the database's own name.
	Database string
	History  map[string]History // what Database.Migrations has said, of schemas that it was asked about
	Locks    int                // how many locks the server has room for, about; 0 where that is not known
	Horizon  string             // where nothing has moved: what to keep so that the next run sees that at a glance; or ""
}

// Live is one live schema.
type Live struct {
	Fingerprint schema.Fingerprint
	Token       string // while it stands still, so does the fingerprint
}

// A History is what is known of the migrations of a schema, in order.
type History struct {
	Applied []schema.Applied
	Mark    string // another one once anything is added or mended
}

// A Record is what the control schema says of a target.
type Record struct {
	Tenant      string
	Shared      bool
	Schema      string
	Blueprint   string // the digest that it was last brought to; "" before the first time
	Fingerprint schema.Fingerprint
	Token       string
	Status      Status
	Error       string    // of the last attempt, where it failed
	AppliedAt   time.Time // when it was last changed; zero before the first time
	AttemptedAt time.Time // when a run last did something about it
	RunID       string    // that run

	Name      string    // what people call the tenant
	Database  string    // the name that tenants.yaml gives it
	Labels    string    // as JSON
	State     Standing  // StandingActive, StandingSuspended, StandingRetired or StandingPurging
	Protected bool      // it is neither retired nor purged, and nothing of it destroyed
	Home      string    // of what is retired: what its schema was called
	RetiredAt time.Time // and since when it is; zero otherwise
	Gone      bool      // the file had it no more when a run last looked

	Access    string // the digest of the grants that it was last found to have; "" where nobody looked
	Role      string // of the tenant's own, or ""
	Withdrawn string // what brings back grants that nobody manages: templates, as JSON
}

// Status is how the last attempt on a target ended.
type Status string

const (
	StatusApplied Status = "applied" // it was brought to its blueprint, or found there
	StatusSame    Status = "same"    // it is what its blueprint says, in other words that PostgreSQL prints
	StatusBetween Status = "between" // a part of a step that cannot run in one transaction is done
	StatusPartly  Status = "partly"  // it was brought as near to its blueprint as could be planned
	StatusFailed  Status = "failed"  // it was left as it was
)

// A Run is one apply.
type Run struct {
	ID       string
	Started  time.Time
	Revision string // git commit, or ""
	PlanID   string
	By       string // who or what ran it
}

// Work is one target's share of a plan.
type Work struct {
	Run         Run
	Target      Record             // who it is; its fingerprint and token are taken from what comes out
	At          string             // what its schema is called before; "" where that is Target.Schema
	Base        string             // the fingerprint that the step starts from; "" for a schema that does not exist
	Token       string             // the token that goes with Base, or "" where it is not known
	To          string             // the fingerprint that it must end with
	Lines       []schema.Line      // the lines that go with To, or nil where they are not known
	Goal        schema.Fingerprint // To in its parts, where Scope or Keys is not nil
	Step        string             // the step's id: runs that have the same one can take up each other's work
	Scope       *schema.Scope      // all that the statements touch, or nil where that is not known
	Keys        *schema.Keys       // the foreign keys that the creation of a schema ends with, or nil
	Statements  []schema.Statement
	Files       []schema.FileRun // the migrations among the statements
	History     string           // the mark of the history that they come after, or "" for a schema that does not exist
	Names       schema.Names     // what the marks of files stand for
	Again       bool             // this run has tried before: what it had committed stands
	OnlyIfEmpty bool             // destructive statements are allowed where what they drop holds no data
	LockTimeout time.Duration
	// Verifier is what {password} stands for in statements that are named: it is
	// put there as they run, and nowhere else.
	Verifier string
}

// Granter is a database's part in grants and roles.
type Granter interface {
	// Grants returns a hash of what may be done by whom in each of the schemas that
	// exists; the same for schemas that are alike.
	Grants(ctx context.Context, schemas []Granted) (map[string]string, error)
	// GrantLines returns what the hash is of.
	GrantLines(ctx context.Context, of Granted) ([]GrantLine, error)
	// Roles returns those of the roles that exist, and whether they may log in.
	Roles(ctx context.Context, names []string) (map[string]bool, error)
	// RecordAccess records the digests of what schemas were found to grant.
	RecordAccess(ctx context.Context, digests map[string]string) error
}

// Granted is a schema whose grants are looked at.
type Granted struct {
	Schema string
	Role   string // the role of the tenant's own as it is called now, or ""
}
