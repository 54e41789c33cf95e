package adopt

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"tenantry/state"
)

// A pattern says which schemas are tenants. % is any text; all else, the
// underscore too, is itself.
type pattern struct {
	text           string
	prefix, suffix string // where there is exactly one %
	one            bool
	match          *regexp.Regexp
}

func parsePattern(text string) pattern {
	text = strings.ToValidUTF8(text, "\uFFFD") // which the database does not hold
	parts := strings.Split(text, "%")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	p := pattern{text: text, match: regexp.MustCompile(`(?s)\A` + strings.Join(parts, `(.*)`) + `\z`)}
	if strings.Count(text, "%") == 1 {
		p.one = true
		p.prefix, p.suffix, _ = strings.Cut(text, "%")
	}
	return p
}

// template is the schema of tenants in tenants.yaml.
func (p pattern) template() string {
	if p.one && unusable(p.prefix+"x"+p.suffix) == "" {
		return p.prefix + "{id}" + p.suffix
	}
	return "{id}"
}

var (
	validID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)
	notInID = regexp.MustCompile(`[^A-Za-z0-9_-]+`)
)

// ids names tenants: by what the % stands for where that is a name, else by
// something near it.
type ids struct {
	pattern pattern
	taken   map[string]bool // in lower case: two ids may not differ only in that
}

func (n *ids) of(schemaName string) string {
	id := schemaName
	if m := n.pattern.match.FindStringSubmatch(schemaName); n.pattern.one && m != nil {
		id = m[1]
	}
	if !validID.MatchString(id) {
		id = strings.Trim(notInID.ReplaceAllString(id, "-"), "-_")
		id = id[:min(len(id), 50)]
	}
	if id == "" {
		id = "tenant"
	}
	unique := id
	for i := 2; n.taken[strings.ToLower(unique)]; i++ {
		unique = fmt.Sprintf("%s-%d", id, i)
	}
	n.taken[strings.ToLower(unique)] = true
	return unique
}

// unusable says why tenants.yaml cannot name a schema, or "".
func unusable(schemaName string) string {
	if strings.ContainsAny(schemaName, "{}") { // which would be a placeholder
		return "the name has a quote, a backslash or a brace"
	}
	if !utf8.ValidString(schemaName) {
		return "the name is not UTF-8"
	}
	probe := state.File{
		Databases: []state.Database{{Name: state.DefaultDatabase}}, Policy: state.DefaultPolicy,
		Defaults: state.Defaults{Database: state.DefaultDatabase, Schema: state.DefaultSchema, Services: []string{"app"}},
		Tenants:  []state.Tenant{{ID: "probe", Database: state.DefaultDatabase, Services: []string{"app"}, Schema: schemaName}},
	}
	if _, err := probe.Marshal(); err != nil {
		_, why, _ := strings.Cut(err.Error(), `of the tenant "probe" `)
		return "the name " + why
	}
	return ""
}

// ValidService reports whether a service can have that name.
func ValidService(name string) bool { return serviceName.MatchString(name) && len(name) <= 63 }
