package state

import (
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Grants says who may use a tenant's schema.
type Grants struct {
	Access map[string]Rights // by role; nil where nobody looks after it, empty where nobody has any
	Role   *Role             // the tenant's own, or nil
}

// Managed reports whether anything is said of who may use the schema.
func (g Grants) Managed() bool { return g.Access != nil || g.Role != nil }

// Rights are privileges, sorted: select, insert, update, delete, truncate,
// references and trigger on tables and views, select and usage on sequences,
// execute on functions, create on the schema. Who has any may use the schema.
type Rights []string

var (
	readOnly  = Rights{"select"}
	readWrite = Rights{"delete", "execute", "insert", "select", "update", "usage"}

	// privileges are all that rights may list.
	privileges = []string{"create", "delete", "execute", "insert", "references", "select", "trigger", "truncate", "update", "usage"}
)

// Role is a role of a tenant's own. In a tenant its texts are templates, in a
// target they are not.
type Role struct {
	Name            string
	Rights          Rights   // in the tenant's schema
	PasswordFile    string   // a file that holds the password; "" for a role that may not log in
	PasswordCommand []string // a command that prints it; nil likewise
}

// Login reports whether the role may log in.
func (r *Role) Login() bool { return r.PasswordFile != "" || len(r.PasswordCommand) > 0 }

func (r *Role) equal(o *Role) bool {
	return r.Name == o.Name && slices.Equal(r.Rights, o.Rights) && r.PasswordFile == o.PasswordFile && slices.Equal(r.PasswordCommand, o.PasswordCommand)
}

// grants returns the tenant's grants with the templates of its role expanded.
func (t Tenant) grants() Grants {
	g := t.Grants
	if g.Role == nil {
		return g
	}
	expand := func(s string) string { return strings.ReplaceAll(s, "{id}", t.ID) }
	role := Role{Name: expand(g.Role.Name), Rights: g.Role.Rights, PasswordFile: expand(g.Role.PasswordFile)}
	for _, word := range g.Role.PasswordCommand {
		role.PasswordCommand = append(role.PasswordCommand, expand(word))
	}
	g.Role = &role
	return g
}

// access reads which roles have which rights.
func (r *reader) access(n *yaml.Node) map[string]Rights {
	pairs, _ := r.mapping(n, `"access"`)
	access := make(map[string]Rights, len(pairs))
	for _, p := range pairs {
		if problem := roleProblem(p.key); problem != "" {
			r.errorf(r.pos(p.at), CodeInvalidRole, "the role %s %s", quote(p.key), problem)
			continue
		}
		access[p.key] = r.rights(p.value, "the access of "+quote(p.key))
	}
	return access
}

// rights reads read_only, read_write or a list of privileges.
func (r *reader) rights(n *yaml.Node, what string) Rights {
	if target(n).Kind != yaml.SequenceNode {
		switch s, _ := r.oneOf(n, what, "read_only", "read_write"); s {
		case "read_only":
			return readOnly
		case "read_write":
			return readWrite
		}
		return nil
	}
	var rights Rights
	for _, item := range target(n).Content {
		if s, ok := r.oneOf(item, what, privileges...); ok && !slices.Contains(rights, s) {
			rights = append(rights, s)
		}
	}
	if len(target(n).Content) == 0 {
		r.errorf(r.pos(n), CodeEmptyValue, "%s is empty", what)
		r.hintf("a role that is to have nothing is left out")
	}
	slices.Sort(rights)
	return rights
}

// role reads the role of a tenant's own: its name, or more of it.
func (r *reader) role(n *yaml.Node) *Role {
	role := &Role{Rights: readWrite}
	if target(n).Kind != yaml.MappingNode {
		role.Name, _ = r.roleTemplate(n, `"role"`)
		return role
	}
	named := false
	ok := r.object(n, "a role",
		field{"name", func(n *yaml.Node) { named = true; role.Name, _ = r.roleTemplate(n, `"name"`) }},
		field{"access", func(n *yaml.Node) { role.Rights = r.rights(n, `"access"`) }},
		field{"password_file", func(n *yaml.Node) { role.PasswordFile, _ = r.roleTemplate(n, `"password_file"`) }},
		field{"password_command", func(n *yaml.Node) { role.PasswordCommand = r.command(n) }},
	)
	switch {
	case ok && !named:
		r.errorf(r.pos(n), CodeMissingField, "a role has no name")
	case role.PasswordFile != "" && len(role.PasswordCommand) > 0:
		r.errorf(r.pos(n), CodeInvalidRole, "a role has both password_file and password_command")
		r.hintf("remove one of them")
	}
	return role
}

// roleTemplate reads text in which {id} stands for the tenant's id.
func (r *reader) roleTemplate(n *yaml.Node, what string) (string, bool) {
	s, ok := r.line(n, what)
	switch {
	case !ok:
		return "", false
	case s == "":
		r.errorf(r.pos(n), CodeEmptyValue, "%s is empty", what)
		return "", false
	}
	for _, found := range placeholder.FindAllString(s, -1) {
		if found != "{id}" {
			r.errorf(r.pos(n), CodeInvalidTemplate, "%s has an unknown placeholder %s", what, quote(found))
			r.hintf("there is {id}")
			return "", false
		}
	}
	return s, true
}

// command reads the words of a command.
func (r *reader) command(n *yaml.Node) (words []string) {
	items, ok := r.list(n, `"password_command"`)
	if ok && len(items) == 0 {
		r.errorf(r.pos(n), CodeEmptyValue, `"password_command" is empty`)
	}
	for _, item := range items {
		if word, ok := r.roleTemplate(item, "a word of a command"); ok {
			words = append(words, word)
		}
	}
	return words
}

// checkRoles checks the roles that the tenants come to: each by its name, and
// that no two tenants are one to PostgreSQL.
func (r *reader) checkRoles() {
	taken := make(map[string]Tenant)
	for _, t := range r.file.Tenants {
		role := t.grants().Role
		if role == nil || role.Name == "" {
			continue // it has none, or it was refused
		}
		if problem := roleProblem(role.Name); problem != "" {
			r.errorf(t.Pos, CodeInvalidRole, "the role %s of the tenant %s %s", quote(role.Name), quote(t.ID), problem)
			continue
		}
		if _, also := t.Access[role.Name]; also {
			r.errorf(t.Pos, CodeRoleConflict, "the role %s is the tenant %s's own, and has access besides", quote(role.Name), quote(t.ID))
			r.hintf(`say what it may do in "access" of "role"`)
		}
		if first, conflict := taken[role.Name]; conflict {
			r.errorf(t.Pos, CodeRoleConflict, "the tenants %s and %s come to one role, %s", quote(first.ID), quote(t.ID), quote(role.Name))
			r.hintf(`use {id} in its name; what many share belongs to "access"`)
			return // and so do all others
		}
		taken[role.Name] = t
	}
}

// roleProblem says why a role cannot have this name, or "".
func roleProblem(name string) string {
	switch lower := strings.ToLower(name); {
	case lower == "public":
		return "is everyone, who has nothing here"
	case lower == "none", lower == "current_user", lower == "session_user", lower == "current_role":
		return "is no role's name"
	}
	switch problem := schemaProblem(name); problem {
	case "belongs to Tenantry":
		return ""
	default:
		return problem
	}
}

// flowAccess returns "{analytics: read_only, etl: [insert, select]}".
func flowAccess(access map[string]Rights) string {
	var pairs []string
	for _, role := range slices.Sorted(maps.Keys(access)) {
		pairs = append(pairs, scalar(role)+": "+flowRights(access[role]))
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

func flowRights(rights Rights) string {
	switch {
	case slices.Equal(rights, readOnly):
		return "read_only"
	case slices.Equal(rights, readWrite):
		return "read_write"
	}
	return flowList(rights)
}

// flowRole returns a role as role reads it.
func flowRole(r *Role) string {
	if r == nil {
		return ""
	}
	if !r.Login() && slices.Equal(r.Rights, readWrite) {
		return scalar(r.Name)
	}
	text := "{name: " + scalar(r.Name) + ", access: " + flowRights(r.Rights)
	if r.PasswordFile != "" {
		text += ", password_file: " + scalar(r.PasswordFile)
	}
	if len(r.PasswordCommand) > 0 {
		text += ", password_command: " + flowList(r.PasswordCommand)
	}
	return text + "}"
}
