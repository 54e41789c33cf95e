package state

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Marshal returns a tenants.yaml that parses to the same File, in one canonical
// form: fields in the order of the package's description, names sorted, and of
// a tenant only what differs from the defaults. A database that was parsed is
// written with its variables, not with their values.
//
// A File that no tenants.yaml could say is an error.
func (f *File) Marshal() ([]byte, error) {
	p := &printer{}
	p.file(f)
	text := p.Bytes()
	if _, err := Parse(f.Path, text, Options{}); err != nil {
		return nil, fmt.Errorf("this cannot be written as a tenants file: %w", err)
	}
	return text, nil
}

// printer writes YAML.
type printer struct{ bytes.Buffer }

// printf writes a line.
func (p *printer) printf(format string, args ...any) {
	fmt.Fprintf(p, format+"\n", args...)
}

// file writes all of f.
func (p *printer) file(f *File) {
	p.printf("version: 1")
	p.databases(f.Databases)
	if len(f.Shared) > 0 {
		p.printf("shared: %s", flowList(f.Shared))
	}
	p.defaults(f.Defaults)
	p.policy(f.Policy)
	p.rollout(f.Rollout)
	if f.AllowEmpty {
		p.printf("allow_empty: true")
	}
	p.sources(f.Sources)
	if len(f.Tenants) == 0 {
		p.printf("tenants: []")
		return
	}
	p.printf("tenants:")
	for _, t := range f.Tenants {
		p.tenant(t, f.Defaults)
	}
}

// databases writes the databases, unless there is only the one that is there
// without being described.
func (p *printer) databases(databases []Database) {
	if len(databases) == 1 && databases[0].URL == "" && databases[0].URLFile == "" {
		return
	}
	p.printf("databases:")
	for _, d := range databases {
		where := "url_file: " + scalar(inFile(d.written.urlFile, d.URLFile))
		if d.URL != "" {
			where = "url: " + scalar(inFile(d.written.url, d.URL))
		}
		if d.Parallelism > 0 {
			where += fmt.Sprintf(", parallelism: %d", d.Parallelism)
		}
		if d.LockTimeout > 0 {
			where += ", lock_timeout: " + scalar(d.LockTimeout.String())
		}
		switch {
		case d.Convert:
			where += ", citus: {convert: true}"
		case d.Distributed:
			where += ", citus: true"
		}
		p.printf("  %s: {%s}", scalar(d.Name), where)
	}
}

// defaults writes the defaults.
func (p *printer) defaults(d Defaults) {
	p.printf("defaults:")
	if d.Database != "" {
		p.printf("  database: %s", scalar(d.Database))
	}
	p.printf("  schema: %s", scalar(d.Schema))
	if len(d.Services) > 0 {
		p.printf("  services: %s", flowList(d.Services))
	}
	if d.Access != nil {
		p.printf("  access: %s", flowAccess(d.Access))
	}
	if d.Role != nil {
		p.printf("  role: %s", flowRole(d.Role))
	}
}

// policy writes the policy.
func (p *printer) policy(policy Policy) {
	p.printf("policy:")
	p.printf("  destructive: %s", scalar(string(policy.Destructive)))
	p.printf("  lock_timeout: %s", scalar(policy.LockTimeout.String()))
	p.printf("  parallelism: %d", policy.Parallelism)
	p.printf("  max_failures: %d", policy.MaxFailures)
	p.printf("  retire_after: %s", inDays(policy.RetireAfter))
	p.printf("  max_removals: %d", policy.MaxRemovals)
	if policy.Archive != "" {
		p.printf("  archive: %s", scalar(policy.Archive))
	}
	if policy.EndSessions {
		p.printf("  end_sessions: true")
	}
	if policy.MaxChanges > 0 {
		p.printf("  max_changes: %d", policy.MaxChanges)
	}
	p.printf("  drift: %s", scalar(string(policy.Drift)))
}

// rollout writes the waves.
func (p *printer) rollout(waves []Wave) {
	if len(waves) == 0 {
		return
	}
	p.printf("rollout:")
	for _, w := range waves {
		switch {
		case len(w.Match) > 0:
			p.printf("  - match: %s", flowMap(w.Match))
		case w.Count > 0:
			p.printf("  - count: %d", w.Count)
		default:
			p.printf("  - percent: %d", w.Percent)
		}
		if w.Pause > 0 {
			p.printf("    pause: %s", scalar(w.Pause.String()))
		}
		if w.Check != "" {
			p.printf("    check: %s", scalar(w.Check))
		}
		if w.MaxFailures > 0 {
			p.printf("    max_failures: %d", w.MaxFailures)
		}
	}
}

// sources writes where more tenants come from.
func (p *printer) sources(sources []Source) {
	if len(sources) == 0 {
		return
	}
	p.printf("from:")
	for _, s := range sources {
		p.printf("  - database: %s", scalar(s.Database))
		p.printf("    query: %s", scalar(s.Query))
		if s.Notify != "" {
			p.printf("    notify: %s", scalar(s.Notify))
		}
		p.printf("    every: %s", scalar(s.Every.String()))
	}
}

// tenant writes a tenant: its id alone where it has nothing of its own.
func (p *printer) tenant(t Tenant, d Defaults) {
	var lines []string
	add := func(own bool, field, value string) {
		if own {
			lines = append(lines, field+": "+value)
		}
	}
	add(t.Name != "", "name", scalar(t.Name))
	add(!slices.Equal(t.Services, d.Services), "services", flowList(t.Services))
	add(t.Database != d.Database, "database", scalar(t.Database))
	add(t.Schema != d.Schema, "schema", scalar(t.Schema))
	add(len(t.Labels) > 0, "labels", flowMap(t.Labels))
	add(len(t.Vars) > 0, "vars", flowMap(t.Vars))
	add(t.Access != nil && !maps.EqualFunc(t.Access, d.Access, slices.Equal), "access", flowAccess(t.Access))
	add(t.Role != nil && (d.Role == nil || !t.Role.equal(d.Role)), "role", flowRole(t.Role))
	add(t.State != "", "state", scalar(string(t.State)))
	if t.Protected != nil {
		add(true, "protected", strconv.FormatBool(*t.Protected))
	}
	add(t.Was != "", "was", scalar(t.Was))
	add(t.Forget, "forget", "true")
	add(t.Adopt, "adopt", "true")
	add(t.Moved, "moved", "true")
	if len(lines) == 0 {
		p.printf("  - %s", scalar(t.ID))
		return
	}
	p.printf("  - id: %s", scalar(t.ID))
	for _, line := range lines {
		p.printf("    %s", line)
	}
}

// inFile returns what stands for a value in the file: the text it was read
// from, or else the value, with its dollars as they are.
func inFile(written, value string) string {
	if written != "" {
		return written
	}
	return strings.ReplaceAll(value, "$", "$$")
}

// flowList returns "[a, b]".
func flowList(items []string) string {
	scalars := make([]string, len(items))
	for i, item := range items {
		scalars[i] = scalar(item)
	}
	return "[" + strings.Join(scalars, ", ") + "]"
}

// flowMap returns "{a: b, c: d}", sorted by key.
func flowMap(m map[string]string) string {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, scalar(k)+": "+scalar(m[k]))
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

// scalar returns s as YAML: as it is where every reader takes it for text, and
// in double quotes otherwise.
func scalar(s string) string {
	if plainText(s) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == ' ' || unicode.IsGraphic(c) && c != '\ufeff':
			b.WriteRune(c)
		default:
			fmt.Fprintf(&b, `\U%08X`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// plainText reports whether s is text without quotes, wherever it stands.
func plainText(s string) bool {
	for _, c := range s {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./", c) {
			return false
		}
	}
	return s != "" && s[0] != '-' && s[0] != '.' && meaningOfPlain(s, "!!str") == text
}
