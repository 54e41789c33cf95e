package state

import (
	"cmp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"tenantry/internal/diag"
)

// databases reads the databases, by name.
func (r *reader) databases(n *yaml.Node) {
	pairs, ok := r.mapping(n, `"databases"`)
	if ok && len(target(n).Content) == 0 {
		r.errorf(r.pos(n), CodeEmptyValue, `"databases" is empty`)
		r.hintf("without it there is one, %q", DefaultDatabase)
	}
	for _, p := range pairs {
		if r.name(p.at, p.key, "a database") {
			r.file.Databases = append(r.file.Databases, r.database(p))
		}
	}
	slices.SortFunc(r.file.Databases, func(a, b Database) int { return cmp.Compare(a.Name, b.Name) })
}

// database reads one. No message quotes what may hold a password.
func (r *reader) database(p pair) Database {
	d := Database{Name: p.key, Pos: r.pos(p.at)}
	what := "the database " + quote(p.key)
	before := len(r.found) + r.more
	r.object(p.value, "a database",
		field{"url", func(n *yaml.Node) { d.written.url, d.URL = r.expanded(n, `"url"`) }},
		field{"url_file", func(n *yaml.Node) { d.written.urlFile, d.URLFile = r.expanded(n, `"url_file"`) }},
		field{"parallelism", func(n *yaml.Node) { d.Parallelism, _ = r.within(n, `"parallelism"`, 1, maxParallelism) }},
		field{"lock_timeout", func(n *yaml.Node) { d.LockTimeout = r.duration(n, `"lock_timeout"`) }},
		field{"citus", func(n *yaml.Node) { d.Citus = r.citus(n) }},
	)
	switch {
	case len(r.found)+r.more > before:
	case d.URL != "" && d.URLFile != "":
		r.errorf(d.Pos, CodeInvalidDatabase, "%s has both url and url_file", what)
		r.hintf("remove one of them")
	case d.URL == "" && d.URLFile == "":
		r.errorf(d.Pos, CodeMissingField, "%s has neither url nor url_file", what)
	}
	return d
}

// citus reads true, false, or what else is to be done.
func (r *reader) citus(n *yaml.Node) Citus {
	if target(n).Kind != yaml.MappingNode {
		yes, _ := r.boolean(n, `"citus"`)
		return Citus{Distributed: yes}
	}
	c := Citus{Distributed: true}
	r.object(n, `"citus"`, field{"convert", func(n *yaml.Node) { c.Convert, _ = r.boolean(n, `"convert"`) }})
	return c
}

// expanded returns text as it is written, and with its variables replaced.
func (r *reader) expanded(n *yaml.Node, what string) (written, expanded string) {
	written, ok := r.line(n, what)
	if !ok {
		return "", ""
	}
	expanded, ok = r.expand(r.pos(n), written)
	if ok && expanded == "" {
		r.errorf(r.pos(n), CodeEmptyValue, "%s is empty", what)
		if written != "" {
			r.hintf("its variables are set, but empty")
		}
	}
	return written, expanded
}

// expand replaces the variables of s. Without an environment it only checks
// how they are written.
func (r *reader) expand(pos diag.Pos, s string) (string, bool) {
	var b strings.Builder
	sound := true
	for rest := s; ; {
		before, after, found := strings.Cut(rest, "$")
		b.WriteString(before)
		switch {
		case !found:
			if r.options.LookupEnv == nil {
				return s, sound
			}
			return b.String(), sound
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			rest = after[1:]
		case strings.HasPrefix(after, "{"):
			name, tail, closed := strings.Cut(after[1:], "}")
			if closed && isMark(name) {
				b.WriteString("${" + name + "}")
				rest = tail
				continue
			}
			if !closed || !variablePattern.MatchString(name) {
				r.invalidVariable(pos, closed)
				return "", false
			}
			value, ok := r.lookup(pos, name)
			b.WriteString(value)
			sound = sound && ok
			rest = tail
		default:
			b.WriteByte('$')
			rest = after
		}
	}
}

// invalidVariable adds an error about what follows "${". It may be a part of a
// password, so it is not quoted.
func (r *reader) invalidVariable(pos diag.Pos, closed bool) {
	if closed {
		r.errorf(pos, CodeInvalidVariable, `there is no variable's name in "${…}"`)
	} else {
		r.errorf(pos, CodeInvalidVariable, `"${" has no "}"`)
	}
	r.hintf("write ${NAME} for a variable, $$ for a dollar")
}

// lookup returns the value of an environment variable, which must be set.
func (r *reader) lookup(pos diag.Pos, name string) (string, bool) {
	if r.options.LookupEnv == nil {
		return "", true
	}
	value, found := r.options.LookupEnv(name)
	if !found {
		r.errorf(pos, CodeUnsetVariable, "the environment variable %s is not set", name)
	}
	return value, found
}
