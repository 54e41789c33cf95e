package state

import (
	"slices"
	"strconv"
	"strings"

	"tenantry/internal/diag"
)

// The codes of the diagnostics. They are stable: scripts match on them.
const (
	// The file.
	CodeMissingFile    = "missing-file"    // there is no such file
	CodeUnreadableFile = "unreadable-file" // the file is there but cannot be read
	CodeFileTooLarge   = "file-too-large"  // the file has more than 64 MiB
	CodeInvalidText    = "invalid-text"    // not UTF-8, or control characters where none belong
	CodeTooManyErrors  = "too-many-errors" // closes a list that was cut short

	// Its YAML.
	CodeInvalidYAML      = "invalid-yaml"      // a syntax error
	CodeSeveralDocuments = "several-documents" // a second "---"
	CodeNestingTooDeep   = "nesting-too-deep"  // lists in lists in lists
	CodeAliasCycle       = "alias-cycle"       // an alias that reaches itself
	CodeTooManyAliases   = "too-many-aliases"  // aliases that expand to too much
	CodeMergeKey         = "merge-key"         // "<<"
	CodeUnsupportedTag   = "unsupported-tag"   // "!!binary", "!mine"

	// Its shape.
	CodeUnknownField   = "unknown-field"   // a key that has no meaning there
	CodeDuplicateKey   = "duplicate-key"   // a key given twice in one mapping
	CodeMissingField   = "missing-field"   // a key that has to be there
	CodeWrongType      = "wrong-type"      // a list where text belongs, and the like
	CodeEmptyValue     = "empty-value"     // nothing where something belongs
	CodeAmbiguousValue = "ambiguous-value" // unquoted text that YAML readers take differently

	// Its values.
	CodeUnknownValue       = "unknown-value"       // none of the values that a field may have
	CodeUnsupportedVersion = "unsupported-version" // a version of the format other than 1
	CodeOutOfRange         = "out-of-range"        // a number outside its bounds
	CodeInvalidDuration    = "invalid-duration"    // not a duration, or one outside its bounds
	CodeInvalidName        = "invalid-name"        // the name of a database, service, label or variable
	CodeReservedVariable   = "reserved-variable"   // the variable "schema", which is given by Tenantry
	CodeSameDatabase       = "same-database"       // two names for one database, or one for two
	CodeInvalidDatabase    = "invalid-database"    // both url and url_file
	CodeUnsetVariable      = "unset-variable"      // ${NAME} that the environment does not have
	CodeInvalidVariable    = "invalid-variable"    // "${" without "}", or with something else than a name
	CodeInvalidWave        = "invalid-wave"        // not exactly one of match, percent and count

	// Its tenants.
	CodeNoTenants        = "no-tenants"        // an empty fleet that is not said to be meant
	CodeInvalidID        = "invalid-id"        // an id with other characters, or too long
	CodeDuplicateID      = "duplicate-id"      // two tenants of one id
	CodeSimilarID        = "similar-id"        // two ids that differ only in case
	CodeNoServices       = "no-services"       // a tenant that would hold nothing
	CodeDuplicateService = "duplicate-service" // a service listed twice
	CodeSharedService    = "shared-service"    // a shared service listed as a tenant's
	CodeUnknownDatabase  = "unknown-database"  // a database that "databases" does not have
	CodeNoDatabase       = "no-database"       // several databases and nothing that says which
	CodeInvalidTemplate  = "invalid-template"  // a schema template with other placeholders or stray braces
	CodeInvalidSchema    = "invalid-schema"    // a name that no schema of ours may have
	CodeSchemaConflict   = "schema-conflict"   // two targets that come to one schema
	CodeInvalidRole      = "invalid-role"      // a name that no role of ours may have, or no way to its password
	CodeRoleConflict     = "role-conflict"     // two tenants with one role, or one that has access besides
	CodeMissingLabel     = "missing-label"     // a database's url asks for a label that the tenant does not have
	CodeFormerTaken      = "former-taken"      // "was" names a tenant of the file, or one that another was

	// A selection of them.
	CodeUnknownTenant = "unknown-tenant" // an id that is not in the file
)

const (
	maxShown     = 100    // diagnostics returned; more help nobody
	maxCollected = 10_000 // diagnostics kept until they are sorted
	maxQuoted    = 60     // characters of the file's text in a message
)

// problems collects what is wrong with a file.
type problems struct {
	found diag.List
	more  int // what came after the list was full
}

// errorf adds an error at pos.
func (p *problems) errorf(pos diag.Pos, code, format string, args ...any) {
	if len(p.found) >= maxCollected {
		p.more++
		return
	}
	p.found.Errorf(pos, code, format, args...)
}

// hintf sets the hint of the error added last.
func (p *problems) hintf(format string, args ...any) {
	if p.more == 0 {
		p.found.Hintf(format, args...)
	}
}

// suggest sets a hint about the candidate nearest to word, where one is near.
// In a long list of errors it does not look any more.
func (p *problems) suggest(word string, candidates []string) bool {
	if len(p.found) > maxShown || len(word) > maxQuoted {
		return false
	}
	near := diag.Suggest(word, candidates)
	if near != "" {
		p.hintf("%s", diag.DidYouMean(near))
	}
	return near != ""
}

// err returns the first of the errors in the order of the file, or nil.
func (p *problems) err() error {
	if len(p.found) == 0 {
		return nil
	}
	p.found.Sort()
	if left := len(p.found) - maxShown; left > 0 {
		cut := p.found[maxShown]
		p.found = slices.Clip(p.found[:maxShown])
		p.found.Errorf(cut.Pos, CodeTooManyErrors, "and %d more", left+p.more)
	}
	return p.found
}

// quote returns text as it may stand in a message: short, printable, and
// without what may be a password.
func quote(text string) string {
	text = redact(text)
	shown := 0
	for i := range text {
		if shown++; shown > maxQuoted {
			text = text[:i] + "…"
			break
		}
	}
	return strconv.Quote(text)
}

// redact cuts text after "://", where a URL may hold a password.
func redact(text string) string {
	if scheme, _, found := strings.Cut(text, "://"); found {
		return scheme + "://…"
	}
	return text
}
