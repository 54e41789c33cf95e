package state

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"tenantry/internal/diag"
)

// File is what tenants.yaml says, with every default applied.
type File struct {
	Path       string
	Databases  []Database // sorted by name, at least one
	Shared     []string   // services that exist once per database
	Defaults   Defaults
	Policy     Policy
	Rollout    []Wave
	Sources    []Source // where more tenants come from
	Tenants    []Tenant
	AllowEmpty bool // whether no tenants at all is what is meant

	mentions map[string]diag.Pos // of services, the first of each
}

// ServicePos returns where the file mentions a service first, or the file as a
// whole where it does not.
func (f *File) ServicePos(name string) diag.Pos {
	if pos, ok := f.mentions[name]; ok {
		return pos
	}
	return diag.Pos{File: f.Path}
}

// Database is where tenants live. One that the file does not describe has
// neither URL nor URLFile: the caller knows it from elsewhere.
//
// The URL may hold a password, so a Database prints without it.
type Database struct {
	Name    string
	URL     string `json:"-"` // with its variables replaced
	URLFile string // with its variables replaced
	Limits
	Citus
	Each bool // it is one of those that a url with marks stands for, made when it is missing
	Pos  diag.Pos

	written written
}

// Citus says that a database is a coordinator of Citus, whose schemas are shards.
type Citus struct {
	Distributed bool // tenants' schemas are made as shards
	Convert     bool // schemas that are plain ones are made shards
}

// Limits are those of one database. What is 0 is as the policy has it.
type Limits struct {
	Parallelism int           // targets at once
	LockTimeout time.Duration // PostgreSQL's lock_timeout for each target
}

// written is a database as the file has it, before variables are replaced.
type written struct{ url, urlFile string }

// String returns the name, and where the URL comes from.
func (d Database) String() string {
	switch {
	case d.URL != "":
		return d.Name + " (url redacted)"
	case d.URLFile != "":
		return d.Name + " (url_file " + d.URLFile + ")"
	}
	return d.Name
}

// GoString is String for the verb %#v.
func (d Database) GoString() string { return "state.Database(" + d.String() + ")" }

// Format is String for every verb.
func (d Database) Format(s fmt.State, verb rune) {
	if verb == 'v' && s.Flag('#') {
		fmt.Fprint(s, d.GoString())
		return
	}
	fmt.Fprint(s, d.String())
}

// LogValue is String for logs.
func (d Database) LogValue() slog.Value { return slog.StringValue(d.String()) }

// Defaults is what holds for a tenant that does not say otherwise.
type Defaults struct {
	Database string // "" where there are several and none is the default
	Schema   string // a template
	Services []string
	Grants
}

// DefaultSchema is the schema template where the file has none.
const DefaultSchema = "tenant_{id}"

// DefaultDatabase is the name of the database where the file has none.
const DefaultDatabase = "main"

// Destructive says what becomes of statements that destroy data.
type Destructive string

const (
	DestructiveDeny    Destructive = "deny"     // they are blocked
	DestructiveIfEmpty Destructive = "if-empty" // they run where there is no data to destroy
	DestructiveAllow   Destructive = "allow"    // they run
)

// Policy is how careful to be.
type Policy struct {
	Destructive Destructive
	LockTimeout time.Duration // PostgreSQL's lock_timeout for each target
	Parallelism int           // targets at once per database
	MaxFailures int           // stop starting targets after so many failed
	RetireAfter time.Duration // how long a retired schema is kept before it may be purged
	MaxRemovals int           // retirements and renames in one run; more, and nothing runs
	MaxChanges  int           // targets that one run may touch; 0 for any number
	Drift       Drift
	Archive     string // a folder that what is purged is dumped to first, or ""
	EndSessions bool   // whether sessions of a tenant's own role end when it is suspended or retired
}

// Drift says what becomes of a schema that is not as it was left.
type Drift string

const (
	DriftHeal   Drift = "heal"   // it is made again what it should be
	DriftReport Drift = "report" // it is left as it is, and reported
)

// DefaultPolicy is the policy where the file has none.
var DefaultPolicy = Policy{
	Destructive: DestructiveDeny,
	LockTimeout: 3 * time.Second,
	Parallelism: 4,
	MaxFailures: 5,
	RetireAfter: 30 * 24 * time.Hour,
	Drift:       DriftHeal,
}

// Wave is a part of the fleet that goes together: either the tenants that carry
// all labels of Match, or as many more as make Percent of all tenants, or the
// next Count of them.
type Wave struct {
	Match   map[string]string
	Percent int
	Count   int

	Pause       time.Duration // before the next wave begins
	Check       string        // SQL for one boolean, which must be true of each tenant of the wave before the next begins; or ""
	MaxFailures int           // stop after so many of the wave have failed; 0 for what the policy says
	Pos         diag.Pos
}

// Tenant is an entry of the file's list of tenants.
type Tenant struct {
	ID       string
	Name     string // "" where the file has none
	Services []string
	Database string
	Schema   string // the template in force
	Labels   map[string]string
	Vars     map[string]string
	Grants
	Life
	Pos diag.Pos
}

// Life is where a tenant stands in its life, and what may become of it.
type Life struct {
	State     TenantState // "" for Active
	Protected *bool       // nil where the file does not say: what was said last stands
	Was       string      // the id that the tenant had before, or ""
	Forget    bool        // its schemas are left as they are, and managed no more
	Adopt     bool        // its schemas are taken over where they were never managed
	Moved     bool        // its rows have been moved to its database from another one
}

// perService reports whether the tenant has a schema for each service.
func (t Tenant) perService() bool { return strings.Contains(t.Schema, "{service}") }
