package state

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxName is the most bytes that a name has in PostgreSQL.
const maxName = 63

var (
	idPattern       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)
	namePattern     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)
	labelPattern    = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_./-]*[A-Za-z0-9_])?$`)
	variablePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// codePoint returns c as "U+000A".
func codePoint(c rune) string { return fmt.Sprintf("%U", c) }

// wholeNumber returns the number that digits, with or without a minus, mean.
func wholeNumber(s string) (int, bool) {
	digits := strings.TrimPrefix(s, "-")
	if !plainInteger.MatchString(digits) {
		return 0, false
	}
	v, err := strconv.Atoi(s)
	return v, err == nil
}

// id returns a tenant's id.
func (r *reader) id(n *yaml.Node) (string, bool) {
	s, ok := r.text(n, "a tenant's id")
	switch {
	case !ok:
	case s == "":
		r.errorf(r.pos(n), CodeInvalidID, "a tenant's id is empty")
	case !idPattern.MatchString(s):
		r.errorf(r.pos(n), CodeInvalidID, "%s is not a tenant's id", quote(s))
		r.hintf(`letters, digits, "_" and "-", a letter or digit first`)
	case len(s) > maxName:
		r.errorf(r.pos(n), CodeInvalidID, "the id %s has %d bytes", quote(s), len(s))
		r.hintf("at most %d", maxName)
	default:
		return s, true
	}
	return "", false
}

// name checks the name of a database or a service.
func (r *reader) name(n *yaml.Node, s, what string) bool {
	switch {
	case !namePattern.MatchString(s):
		r.errorf(r.pos(n), CodeInvalidName, "%s is not the name of %s", quote(s), what)
		r.hintf(`letters, digits, "_" and "-", a letter or "_" first`)
	case len(s) > maxName:
		r.errorf(r.pos(n), CodeInvalidName, "the name %s has %d bytes", quote(s), len(s))
		r.hintf("at most %d", maxName)
	default:
		return true
	}
	return false
}

// schemaProblem says why a schema cannot have this name, or "".
func schemaProblem(name string) string {
	switch lower := strings.ToLower(name); {
	case name == "":
		return "is empty"
	case len(name) > maxName:
		return fmt.Sprintf("has %d bytes, and %d is the most", len(name), maxName)
	case !utf8.ValidString(name):
		return "is not UTF-8"
	case strings.ContainsAny(name, `'"\{}`):
		return "has a quote, a backslash or a brace"
	case strings.IndexFunc(name, func(c rune) bool { return !unicode.IsGraphic(c) }) >= 0:
		return "has a character that cannot be seen"
	case strings.HasPrefix(lower, "pg_"), lower == "information_schema":
		return "belongs to PostgreSQL"
	case lower == "tenantry", strings.HasPrefix(lower, "tenantry_"):
		return "belongs to Tenantry"
	}
	return ""
}

// placeholder is a brace with whatever it encloses.
var placeholder = regexp.MustCompile(`\{[^{}]*\}|[{}]`)

// template returns a schema template whose placeholders are known.
func (r *reader) template(n *yaml.Node) (string, bool) {
	s, ok := r.line(n, `"schema"`)
	if !ok {
		return "", false
	}
	if s == "" {
		r.errorf(r.pos(n), CodeEmptyValue, `"schema" is empty`)
		return "", false
	}
	for _, found := range placeholder.FindAllString(s, -1) {
		if found == "{id}" || found == "{service}" {
			continue
		}
		if len(found) == 1 {
			r.errorf(r.pos(n), CodeInvalidTemplate, "the schema %s has a stray %q", quote(s), found)
		} else {
			r.errorf(r.pos(n), CodeInvalidTemplate, "the schema %s has an unknown placeholder %s", quote(s), quote(found))
		}
		r.hintf("there are {id} and {service}")
		return "", false
	}
	return s, true
}

// expandSchema returns the schema's name that a template comes to.
func expandSchema(template, id, service string) string {
	return strings.ReplaceAll(strings.ReplaceAll(template, "{id}", id), "{service}", service)
}
