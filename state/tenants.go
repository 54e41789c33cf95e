package state

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"tenantry/internal/diag"
)

// omission is something that some tenants lack for want of a default: the first
// of them, and how many they are.
type omission struct {
	first Tenant
	count int
}

// add counts t.
func (o *omission) add(t Tenant) {
	if o.count == 0 {
		o.first = t
	}
	o.count++
}

// tenants reads the list of tenants.
func (r *reader) tenants(n *yaml.Node) {
	if isNothing(target(n)) {
		r.errorf(r.pos(n), CodeEmptyValue, `"tenants" is empty`)
		r.hintf(`to begin, write "tenants: [acme]"`)
		return
	}
	items, ok := r.list(n, `"tenants"`)
	if ok && len(items) == 0 && !r.file.AllowEmpty && len(r.file.Sources) == 0 {
		r.errorf(r.pos(n), CodeNoTenants, "there are no tenants")
		r.hintf(`if that is meant, add "allow_empty: true"`)
	}
	ids := make(map[string]diag.Pos, len(items))
	folded := make(map[string]Tenant, len(items))
	for _, item := range items {
		t, ok := r.tenant(item)
		if !ok {
			continue
		}
		lower := strings.ToLower(t.ID)
		if first, taken := ids[t.ID]; taken {
			r.errorf(t.Pos, CodeDuplicateID, "the tenant %s is defined twice", quote(t.ID))
			r.hintf("also defined at %s", first)
			continue
		}
		if first, taken := folded[lower]; taken {
			r.errorf(t.Pos, CodeSimilarID, "the ids %s and %s differ only in case", quote(first.ID), quote(t.ID))
			r.hintf("also defined at %s", first.Pos)
		}
		ids[t.ID], folded[lower] = t.Pos, t
		r.file.Tenants = append(r.file.Tenants, t)
	}
	r.omissions()
	r.checkFormer(ids)
	r.checkRoles()
}

// omissions adds an error for each kind of thing that tenants lack, where the
// first of them is: one default mends them all.
func (r *reader) omissions() {
	if o := r.unserved; o.count > 0 {
		r.errorf(o.first.Pos, CodeNoServices, "the tenant %s has no services%s", quote(o.first.ID), o.others())
		r.hintf(`list some in "services" of "defaults", or of the tenant`)
	}
	if o := r.homeless; o.count > 0 {
		r.errorf(o.first.Pos, CodeNoDatabase, "the tenant %s does not say in which database it is%s", quote(o.first.ID), o.others())
		r.hintf(`name one in "database" of "defaults", or of the tenant`)
	}
}

// others names the tenants after the first.
func (o omission) others() string {
	switch o.count {
	case 1:
		return ""
	case 2:
		return "; nor does one more"
	}
	return fmt.Sprintf("; nor do %d more", o.count-1)
}

// tenant reads one tenant, which is an id or a mapping, and applies the
// defaults. It reports whether the tenant has a sound id.
func (r *reader) tenant(n *yaml.Node) (Tenant, bool) {
	d := r.file.Defaults
	t := Tenant{Database: d.Database, Schema: d.Schema, Services: d.Services, Grants: d.Grants, Pos: r.pos(n)}
	ok := false
	switch target(n).Kind {
	case yaml.MappingNode:
		ok = r.members(n, &t)
	case yaml.SequenceNode:
		r.errorf(t.Pos, CodeWrongType, "a tenant must be an id or a mapping, not a list")
	default:
		t.ID, ok = r.id(n)
	}
	if !ok {
		return t, false
	}
	if t.Services == nil {
		r.unserved.add(t)
	}
	if t.Database == "" {
		r.homeless.add(t)
	}
	return t, true
}

// members reads the fields of a tenant over its defaults. What is wrong is
// marked so that it is not reported as lacking too.
func (r *reader) members(n *yaml.Node, t *Tenant) bool {
	sound, given := false, false
	var schema diag.Pos
	r.object(n, "a tenant",
		field{"id", func(n *yaml.Node) { given = true; t.ID, sound = r.id(n) }},
		field{"name", func(n *yaml.Node) { t.Name, _ = r.line(n, `"name"`) }},
		field{"services", func(n *yaml.Node) { t.Services = r.tenantServices(n) }},
		field{"database", func(n *yaml.Node) { t.Database = r.databaseName(n) }},
		field{"schema", func(n *yaml.Node) { t.Schema, _ = r.template(n); schema = r.pos(n) }},
		field{"labels", func(n *yaml.Node) { t.Labels, _ = r.labels(n, `"labels"`) }},
		field{"vars", func(n *yaml.Node) { t.Vars = r.vars(n) }},
		field{"access", func(n *yaml.Node) { t.Access = r.access(n) }},
		field{"role", func(n *yaml.Node) { t.Role = r.role(n) }},
		field{"state", func(n *yaml.Node) { t.State = r.state(n) }},
		field{"protected", func(n *yaml.Node) { t.Protected = r.protected(n) }},
		field{"was", func(n *yaml.Node) { t.Was, _ = r.id(n); r.former = append(r.former, former{t, r.pos(n)}) }},
		field{"forget", func(n *yaml.Node) { t.Forget, _ = r.boolean(n, `"forget"`) }},
		field{"adopt", func(n *yaml.Node) { t.Adopt, _ = r.boolean(n, `"adopt"`) }},
		field{"moved", func(n *yaml.Node) { t.Moved, _ = r.boolean(n, `"moved"`) }},
	)
	if !given && target(n).Style&yaml.TaggedStyle == 0 {
		r.errorf(t.Pos, CodeMissingField, "a tenant has no id")
	}
	if sound && schema.Line > 0 {
		r.schemas[t.ID] = schema
	}
	return sound
}

// labels reads a mapping of labels.
func (r *reader) labels(n *yaml.Node, what string) (map[string]string, bool) {
	return r.texts(n, what, func(p pair) bool {
		if len(p.key) > maxName || !labelPattern.MatchString(p.key) {
			r.errorf(r.pos(p.at), CodeInvalidName, "%s is not the name of a label", quote(p.key))
			r.hintf(`at most %d letters, digits, "_", "-", "." and "/", none of the last three at an end`, maxName)
			return false
		}
		return true
	}, r.isLine)
}

// vars reads HCL input variables. Their values may have line breaks.
func (r *reader) vars(n *yaml.Node) map[string]string {
	vars, _ := r.texts(n, `"vars"`, func(p pair) bool {
		if p.key == "schema" {
			r.errorf(r.pos(p.at), CodeReservedVariable, `the variable "schema" is the name of the tenant's schema`)
			r.hintf(`to set that, use "schema" of the tenant`)
			return false
		}
		return r.name(p.at, p.key, "a variable")
	}, func(n *yaml.Node, s, what string) bool {
		return r.isLine(n, strings.NewReplacer("\n", "", "\t", "", "\u2028", "", "\u2029", "").Replace(s), what)
	})
	return vars
}

// texts reads a mapping of texts, whose keys and values are checked.
func (r *reader) texts(n *yaml.Node, what string, key func(pair) bool, value func(*yaml.Node, string, string) bool) (map[string]string, bool) {
	pairs, ok := r.mapping(n, what)
	texts := make(map[string]string, len(pairs))
	for _, p := range pairs {
		if !key(p) {
			continue
		}
		what := quote(p.key) + " of " + what
		if v, ok := r.value(p.value, what); ok && value(p.value, v, what) {
			texts[p.key] = v
		}
	}
	if len(texts) == 0 {
		return nil, ok
	}
	return texts, ok
}
