package state

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"tenantry/internal/diag"
)

// markPattern is what in a database's url stands for something of each tenant.
var markPattern = regexp.MustCompile(`\$\{(id|labels\.[A-Za-z0-9_./-]+)\}`)

// isMark reports whether a name in "${…}" is no variable's, but a mark.
func isMark(name string) bool { return markPattern.MatchString("${" + name + "}") }

// PerTenant reports whether the url has marks: then it stands for a database for
// each tenant, or for each value of a label.
func (d Database) PerTenant() bool { return markPattern.MatchString(d.URL) }

// of returns the database that d is for a tenant. Its name is d's with what the
// marks stand for. A tenant without a label that is asked for gets one without a
// URL, and the label's name.
func (d Database) of(t Tenant) (one Database, missing string) {
	if !d.PerTenant() {
		return d, ""
	}
	one = d
	one.Each = true
	var values []string
	one.URL = markPattern.ReplaceAllStringFunc(d.URL, func(mark string) string {
		value, label := t.ID, strings.TrimSuffix(strings.TrimPrefix(mark, "${labels."), "}")
		if mark != "${id}" {
			if value = t.Labels[label]; value == "" {
				missing = label
			}
		}
		if !slices.Contains(values, value) {
			values = append(values, value)
		}
		return url.PathEscape(value)
	})
	one.Name = d.Name + "/" + strings.Join(values, "/")
	if missing != "" {
		one.URL = ""
	}
	return one, missing
}

// databaseOf returns the database that a tenant is in.
func (f *File) databaseOf(t Tenant) (one Database, missing string) {
	for _, d := range f.Databases {
		if d.Name == t.Database {
			return d.of(t)
		}
	}
	return Database{Name: t.Database}, ""
}

// Places returns the databases that there are, sorted by name: those that the file
// lists, and in place of one for each tenant those that its tenants come to.
func (f *File) Places() []Database {
	var out []Database
	seen := make(map[string]bool)
	for _, d := range f.Databases {
		if !d.PerTenant() {
			out = append(out, d)
		}
	}
	for _, t := range f.Tenants {
		if one, _ := f.databaseOf(t); one.Each && !seen[one.Name] {
			seen[one.Name] = true
			out = append(out, one)
		}
	}
	slices.SortFunc(out, func(a, b Database) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Others returns a function that returns the databases which a tenant of an id is
// not in, and may have been: what the urls with marks make of it with the labels
// that tenants of the file have. It is given the name of the one that it is in.
func (f *File) Others() func(id, in string) []Database {
	type template struct {
		Database
		labels []map[string]string // which make a difference
	}
	var templates []template
	for _, d := range f.Databases {
		if !d.PerTenant() {
			continue
		}
		t := template{Database: d}
		seen := make(map[string]bool)
		for _, tenant := range f.Tenants {
			one, missing := d.of(Tenant{Labels: tenant.Labels})
			if missing == "" && !seen[one.URL] {
				seen[one.URL] = true
				t.labels = append(t.labels, tenant.Labels)
			}
		}
		templates = append(templates, t)
	}
	return func(id, in string) (others []Database) {
		for _, t := range templates {
			for _, labels := range t.labels {
				if one, _ := t.of(Tenant{ID: id, Labels: labels}); one.Name != in {
					others = append(others, one)
				}
			}
		}
		return others
	}
}

// checkPlaces makes sure that the tenants have the labels that their databases'
// urls ask for, and that no two names stand for one database.
func (r *reader) checkPlaces() {
	known := newAddresses()
	for _, d := range r.file.Databases {
		if !d.PerTenant() {
			r.checkAddress(known, d, d.Pos)
		}
	}
	for _, t := range r.file.Tenants {
		one, missing := r.file.databaseOf(t)
		switch {
		case missing != "":
			r.errorf(t.Pos, CodeMissingLabel, "the tenant %s has no label %s, which the url of the database %s asks for", quote(t.ID), quote(missing), quote(t.Database))
		case one.Each:
			r.checkAddress(known, one, t.Pos)
		}
	}
}

func (r *reader) checkAddress(known *addresses, d Database, at diag.Pos) {
	if known.judged[d.Name+d.URL] {
		return
	}
	known.judged[d.Name+d.URL] = true
	if problem := known.take(d); problem != "" {
		r.errorf(at, CodeSameDatabase, "%s", problem)
		r.hintf("%s", known.hint(d))
	}
}

// addresses are those of the databases that there are. Who is the same by another
// way only the server knows.
type addresses struct {
	names  map[string]string // by address
	of     map[string]string // by name
	judged map[string]bool   // by name and URL: what is wrong is told once
}

func newAddresses() *addresses {
	return &addresses{names: make(map[string]string), of: make(map[string]string), judged: make(map[string]bool)}
}

// take adds a database, and returns what is wrong with it, or "".
func (a *addresses) take(d Database) (problem string) {
	problem = a.problem(d)
	if at := addressOf(d.URL); problem == "" && at != "" {
		a.names[at], a.of[d.Name] = d.Name, at
	}
	return problem
}

func (a *addresses) problem(d Database) string {
	at := addressOf(d.URL)
	name, taken := a.names[at]
	was, named := a.of[d.Name]
	switch {
	case at == "":
	case taken && name != d.Name:
		return fmt.Sprintf("the databases %s and %s are one and the same", min(name, d.Name), max(name, d.Name))
	case named && was != at:
		return fmt.Sprintf("two databases would be called %s: labels that its url asks for have a slash", d.Name)
	}
	return ""
}

func (a *addresses) hint(d Database) string {
	if d.Each {
		return "a url with marks leads each tenant, or each value of its labels, to a database that has no other name"
	}
	return "remove one of them, and write the other's name in its place"
}

// addressOf returns where a URL leads, without who goes there and how, or "" where
// that is not written in it.
func addressOf(text string) string {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return ""
	}
	q := u.Query()
	host, port := cmp.Or(q.Get("host"), u.Hostname()), cmp.Or(q.Get("port"), u.Port(), "5432")
	return strings.ToLower(host) + ":" + port + "/" + cmp.Or(q.Get("dbname"), q.Get("database"), strings.TrimPrefix(u.Path, "/"), u.User.Username())
}
