package adopt

import (
	"cmp"
	"fmt"

	"tenantry/schema"
)

// FormatVersion is the version of a Result's JSON.
const FormatVersion = "1.0"

// A Result is what a survey has found, and the files that say it.
type Result struct {
	FormatVersion string          `json:"format_version"`
	Database      string          `json:"database"`
	Match         string          `json:"match"`
	Service       string          `json:"service"`  // the tenants' service
	Template      Tenant          `json:"template"` // whose structure the definition is
	Tenants       int             `json:"tenants"`
	Groups        []Group         `json:"groups"` // the template's first, then the largest first
	Shared        []SharedService `json:"shared"`
	Skipped       []Skipped       `json:"skipped"`   // schemas that match and are no tenants
	Histories     []History       `json:"histories"` // what migration tools have recorded
	Unsaid        []string        `json:"unsaid"`    // what no file says of the template
	Reprinted     []string        `json:"reprinted"` // what the files say in the words that PostgreSQL keeps
	Files         []File          `json:"files"`
}

// A Tenant is one schema that was found.
type Tenant struct {
	ID     string `json:"id"`
	Schema string `json:"schema"`
}

// A Group is the tenants of one structure.
type Group struct {
	Fingerprint string       `json:"fingerprint"`
	Template    bool         `json:"template"` // it is the definition
	Empty       bool         `json:"empty"`    // there is nothing in these schemas
	Tenants     []Tenant     `json:"tenants"`
	Differences []Difference `json:"differences"` // from the template
	RefersTo    []string     `json:"refers_to"`   // other tenants' schemas
}

// A Difference is how a group differs from the template, in one thing.
type Difference struct {
	Kind    schema.Kind `json:"kind"`
	Table   string      `json:"table,omitempty"`
	Name    string      `json:"name"`
	Problem string      `json:"problem"` // missing, unexpected or different
	Live    string      `json:"live,omitempty"`
	Wanted  string      `json:"wanted,omitempty"`
	Subject string      `json:"subject"` // "column posts.title"
}

// A SharedService is a schema that the tenants refer to.
type SharedService struct {
	Schema    string   `json:"schema"`
	Because   string   `json:"because"` // the line that refers to it
	Matched   bool     `json:"matched"` // it matches the pattern and is taken for no tenant
	Unsaid    []string `json:"unsaid"`
	Reprinted []string `json:"reprinted"`
}

// Skipped is a schema that matches and cannot be a tenant.
type Skipped struct {
	Schema string `json:"schema"`
	Why    string `json:"why"`
}

// A History is a table in which a migration tool records what it has applied.
type History struct {
	Tool    string `json:"tool"` // Flyway, Atlas, Django, Rails
	Schema  string `json:"schema"`
	Table   string `json:"table"`
	Version string `json:"version"` // the last that was applied; "" where there is none, or it may not be read
	Applied int    `json:"applied"` // how many
	Failed  string `json:"failed"`  // a version that was begun and did not succeed
	Problem string `json:"problem"` // why it could not be read
}

// String says in a sentence what is recorded.
func (h History) String() string {
	from := fmt.Sprintf("%s recorded in %s.%s", h.Tool, h.Schema, h.Table)
	switch {
	case h.Problem != "":
		return from + " what could not be read: " + h.Problem
	case h.Failed != "":
		return fmt.Sprintf("%s that %s did not succeed; %d applied, the last %s", from, h.Failed, h.Applied, cmp.Or(h.Version, "none"))
	}
	return fmt.Sprintf("%s: %d applied, the last %s", from, h.Applied, cmp.Or(h.Version, "none"))
}

// A File is one to be written; its path is relative to where tenants.yaml goes.
type File struct {
	Path    string `json:"path"`
	Content string `json:"-"`
}
