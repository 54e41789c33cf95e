package state

import (
	"slices"

	"gopkg.in/yaml.v3"

	"tenantry/internal/diag"
)

// CodeNotEditable is the code of an entry that is sound, but laid out so that
// it cannot be changed without touching what is not meant.
const CodeNotEditable = "not-editable"

// AddTenant returns src, the text of the file at path, with one more tenant at
// the end of the list, written as its neighbours are. What t leaves empty is
// not written, so the file's defaults hold for it. No other byte changes.
//
// What is wrong with src, or would be wrong with the tenant in it, is a
// diag.List. Of the latter, positions are those of src: the twin of an id that
// is taken, else the file as a whole.
func AddTenant(path string, src []byte, t Tenant, o Options) ([]byte, error) {
	return AddTenants(path, src, []Tenant{t}, o)
}

// AddTenants is AddTenant for several at once, in their order: all of them or
// none. It takes as long as for one.
func AddTenants(path string, src []byte, tenants []Tenant, o Options) ([]byte, error) {
	if len(tenants) == 0 {
		return src, nil
	}
	e, err := newEditor(path, src, o)
	if err != nil {
		return nil, err
	}
	if e.list == nil {
		list := refusal(diag.Pos{File: path}, CodeNotEditable, "the file has no list of tenants, only sources")
		list.Hintf("add a line: tenants: []")
		return nil, list
	}
	if e.list.Kind != yaml.SequenceNode {
		return nil, notEditable(e.place(e.list), "the list of tenants is an alias")
	}
	if len(tenants) > 1 && e.brackets(e.list) {
		return addOneByOne(path, src, tenants, o)
	}
	twins := make(map[string]Tenant, len(e.file.Tenants))
	for _, twin := range e.file.Tenants {
		twins[twin.ID] = twin
	}
	var entries []entry
	for _, t := range tenants {
		if twin, taken := twins[t.ID]; taken {
			return nil, refusal(twin.Pos, CodeDuplicateID, "there is a tenant %s already", quote(t.ID))
		}
		entry := newEntry(t)
		if !entry.value().isUTF8() {
			return nil, refusal(diag.Pos{File: path}, CodeInvalidText, "what is to be added is not UTF-8")
		}
		entries = append(entries, entry)
		e.add(entry)
	}
	want := e.tree(func(before []value) []value {
		for _, entry := range entries {
			before = append(before, entry.value())
		}
		return before
	})
	around := e.list
	if len(e.list.Content) > 0 {
		around = e.last()
	}
	return e.finish(want, diag.Pos{File: path}, e.place(around))
}

// addOneByOne is for lists in brackets, where what is added depends on what was
// added before.
func addOneByOne(path string, src []byte, tenants []Tenant, o Options) (out []byte, err error) {
	out = src
	for _, t := range tenants {
		if out, err = AddTenants(path, out, []Tenant{t}, o); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// SetState returns src, the text of the file at path, with the state of a
// tenant set. A tenant without that field is active. No other byte changes;
// none at all where the state is that already.
//
// What is wrong with src, or would be wrong with that state in it, is a
// diag.List. Positions of the latter are the tenant's in src.
func SetState(path string, src []byte, id string, s TenantState, o Options) ([]byte, error) {
	return setField(path, src, id, assignment{"state", textValue(string(s))}, textValue(string(Active)), o)
}

// setField returns src with a field of a tenant set. Where the tenant does not
// have the field it means missing.
func setField(path string, src []byte, id string, f assignment, missing value, o Options) ([]byte, error) {
	e, err := newEditor(path, src, o)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(e.file.Tenants, func(t Tenant) bool { return t.ID == id })
	if i < 0 {
		return nil, e.unknownTenant(id)
	}
	pos, item := e.file.Tenants[i].Pos, target(e.list).Content[i]
	if e.list.Kind == yaml.AliasNode || item.Kind == yaml.AliasNode && target(item).Kind != yaml.ScalarNode {
		return nil, notEditable(pos, "the tenant "+quote(id)+" is an alias")
	}
	before := asMapping(valueOf(item))
	if have, ok := before.get(f.name); ok && have.equal(f.value) || !ok && missing.equal(f.value) {
		return src, nil
	}
	e.set(item, f)
	want := e.tree(func(tenants []value) []value {
		tenants[i] = before.with(f)
		return tenants
	})
	return e.finish(want, pos, pos)
}

// editor changes the text of one sound file.
type editor struct {
	path    string
	options Options
	file    *File
	source  *source
	mark    []byte     // the byte-order mark, where there is one
	root    *yaml.Node // the document's mapping
	list    *yaml.Node // the list of tenants
	splices []splice
}

// splice puts text in place of what is between two offsets.
type splice struct {
	from, to int
	text     string
}

// newEditor reads a file that is to be edited.
func newEditor(path string, src []byte, o Options) (*editor, error) {
	r := readText(path, src, o)
	if err := r.err(); err != nil {
		return nil, err
	}
	e := &editor{path: path, options: o, file: r.file, source: r.source, root: r.root}
	e.mark = src[:len(src)-len(e.source.text)]
	for i := 0; i+1 < len(e.root.Content); i += 2 {
		if target(e.root.Content[i]).Value == "tenants" {
			e.list = e.root.Content[i+1]
		}
	}
	return e, nil
}

// unknownTenant is the error about an id that the file does not have.
func (e *editor) unknownTenant(id string) error {
	var p problems
	p.errorf(diag.Pos{File: e.path}, CodeUnknownTenant, "there is no tenant %s", quote(id))
	names := make([]string, len(e.file.Tenants))
	for i, t := range e.file.Tenants {
		names[i] = t.ID
	}
	p.suggest(id, names)
	return p.err()
}

// place returns the position of a node.
func (e *editor) place(n *yaml.Node) diag.Pos { return e.source.pos(n.Line, n.Column) }

// refusal is a list of one error.
func refusal(pos diag.Pos, code, format string, args ...any) diag.List {
	var list diag.List
	list.Errorf(pos, code, format, args...)
	return list
}

// notEditable is the error about an entry that has to be edited by hand.
func notEditable(pos diag.Pos, why string) diag.List {
	list := refusal(pos, CodeNotEditable, "%s, and is not edited so that nothing else changes", why)
	list.Hintf("edit it by hand")
	return list
}

// replace notes a change.
func (e *editor) replace(from, to int, text string) {
	e.splices = append(e.splices, splice{from, to, text})
}

// insert notes an insertion.
func (e *editor) insert(at int, text string) { e.replace(at, at, text) }

// text returns the edited text.
func (e *editor) text() []byte {
	slices.SortStableFunc(e.splices, func(a, b splice) int { return a.from - b.from })
	out := slices.Clone(e.mark)
	at := 0
	for _, s := range e.splices {
		out = append(out, e.source.text[at:max(at, s.from)]...)
		out = append(out, s.text...)
		at = max(at, s.to)
	}
	return append(out, e.source.text[at:]...)
}

// finish returns the edited text if it says what is wanted and Parse takes it.
// An error is at asked where that is what Parse refuses, for the edited text is
// nowhere that it could point to, and otherwise at around.
func (e *editor) finish(want value, asked, around diag.Pos) ([]byte, error) {
	out := e.text()
	r := readText(e.path, out, e.options)
	if r.root == nil || !saying(r.root).equal(want) {
		err := notEditable(around, "what is here is laid out in an unusual way")
		if !blank(e.at(len(e.source.text) - 1)) {
			err.Hintf("end the file with a line break and try again, or edit it by hand")
		}
		return nil, err
	}
	list, ok := r.err().(diag.List)
	if !ok {
		return out, nil
	}
	for i := range list {
		list[i].Pos = asked
	}
	return nil, list
}

// saying returns what a document says.
func saying(root *yaml.Node) value {
	return withTenants(valueOf(root), func(tenants []value) []value { return tenants })
}

// tree returns what the file says with other tenants.
func (e *editor) tree(change func(tenants []value) []value) value {
	return withTenants(valueOf(e.root), change)
}

// withTenants returns a document with other tenants, all of them mappings.
func withTenants(document value, change func(tenants []value) []value) value {
	for i := 0; i+1 < len(document.content); i += 2 {
		list := &document.content[i+1]
		if document.content[i].text != "tenants" {
			continue
		}
		for j, tenant := range list.content {
			list.content[j] = asMapping(tenant)
		}
		list.content = change(list.content)
	}
	return document
}
