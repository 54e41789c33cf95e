package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"tenantry/internal/diag"
)

// Source is a query whose rows are tenants, beside those of the file.
type Source struct {
	Database string
	Query    string
	Notify   string        // the channel on which a change of the rows is told of, or ""
	Every    time.Duration // how often to look at the rows in any case
	Pos      diag.Pos
}

// DefaultEvery is how often to look at the rows of a source that does not say.
const DefaultEvery = 10 * time.Second

// maxEvery bounds how long the rows of a source may go unseen.
const maxEvery = 24 * time.Hour

// sources reads one source, or a list of them.
func (r *reader) sources(n *yaml.Node) {
	items := []*yaml.Node{n}
	if target(n).Kind == yaml.SequenceNode {
		items, _ = r.list(n, `"from"`)
	}
	for _, item := range items {
		if s, ok := r.sourceOf(item); ok {
			r.file.Sources = append(r.file.Sources, s)
		}
	}
}

func (r *reader) sourceOf(n *yaml.Node) (Source, bool) {
	s := Source{Database: r.file.Defaults.Database, Every: DefaultEvery, Pos: r.pos(n)}
	given := false
	ok := r.object(n, "a source",
		field{"database", func(n *yaml.Node) { s.Database = r.databaseName(n) }},
		field{"query", func(n *yaml.Node) { given = true; s.Query = r.query(n) }},
		field{"notify", func(n *yaml.Node) { s.Notify = r.channel(n) }},
		field{"every", func(n *yaml.Node) { s.Every = r.every(n) }},
	)
	switch {
	case !ok:
	case !given:
		r.errorf(s.Pos, CodeMissingField, "a source has no query")
	case s.Database == "":
		r.errorf(s.Pos, CodeNoDatabase, "the source does not say in which database it is")
		r.hintf(`name one in its "database", or in that of "defaults"`)
	}
	return s, ok && given && s.Database != ""
}

// query reads SQL, which may have line breaks.
func (r *reader) query(n *yaml.Node) string {
	s, ok := r.text(n, `"query"`)
	s = strings.TrimRight(strings.TrimSpace(s), "; \t\n")
	if ok && s == "" {
		r.errorf(r.pos(n), CodeEmptyValue, `"query" is empty`)
		r.hintf("such as SELECT slug AS id FROM organisations")
	}
	return s
}

// channel reads the name of a channel, as NOTIFY has it without quotes.
func (r *reader) channel(n *yaml.Node) string {
	s, ok := r.text(n, `"notify"`)
	if ok && (len(s) > maxName || !variablePattern.MatchString(s)) {
		r.errorf(r.pos(n), CodeInvalidName, "%s is not the name of a channel", quote(s))
		r.hintf(`letters, digits and "_", at most %d, no digit first`, maxName)
	}
	return s
}

// every reads an interval.
func (r *reader) every(n *yaml.Node) time.Duration {
	s, ok := r.value(n, `"every"`)
	if !ok {
		return DefaultEvery
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		r.errorf(r.pos(n), CodeInvalidDuration, "%s is not a duration", quote(s))
		r.hintf("such as 500ms, 10s or 1m")
	case d < 100*time.Millisecond || d > maxEvery:
		r.errorf(r.pos(n), CodeInvalidDuration, `"every" is %s, but must be 100ms to 24h`, d)
	}
	return d
}

// Row is a row of a source: the values of its columns by name, as JSON has them,
// numbers as json.Number. A column that is null counts as not there.
type Row map[string]any

// columns are those that are fields of a tenant. The others are labels.
var columns = []string{"id", "name", "services", "database", "schema", "labels", "vars", "state", "protected"}

// With returns the file with the tenants that the rows of its sources, in their
// order, come to, after its own. A tenant that the file has itself is what the
// file says. Rows that cannot be tenants are left out, and are what the
// diagnostics are about, at the place of their source; they do not keep the
// others from being used. check says what else is wrong with a tenant, a
// diag.List or nil; it may be nil. The order of the rows means nothing.
func (f *File) With(rows [][]Row, check func(Tenant) error) (*File, diag.List) {
	out := *f
	out.Tenants = slices.Clip(slices.Clone(f.Tenants))
	m := newMerger(&out)
	m.check = check
	for i, of := range rows {
		of = slices.Clone(of)
		slices.SortStableFunc(of, func(a, b Row) int { return strings.Compare(fmt.Sprint(a["id"]), fmt.Sprint(b["id"])) })
		for _, row := range of {
			m.add(f.Sources[i], row)
		}
	}
	return &out, m.wrong
}

// merger adds rows to a file, each checked against what is there.
type merger struct {
	file    *File
	shared  map[string]bool
	listed  map[string]bool   // ids of the file's own tenants
	ids     map[string]string // by their lower case
	schemas map[string]string // who has a schema, by database and schema
	places  *addresses
	check   func(Tenant) error
	wrong   diag.List
}

func newMerger(f *File) *merger {
	m := &merger{file: f, shared: make(map[string]bool), listed: make(map[string]bool), ids: make(map[string]string), schemas: make(map[string]string), places: newAddresses()}
	for _, d := range f.Places() {
		m.places.take(d)
	}
	for _, s := range f.Shared {
		m.shared[s] = true
	}
	for _, t := range f.Tenants {
		m.listed[t.ID], m.ids[strings.ToLower(t.ID)] = true, t.ID
		if t.Was != "" {
			m.listed[t.Was] = true // it has another name now
		}
	}
	for _, t := range f.Targets() {
		m.schemas[t.Database+"\x00"+t.Schema] = t.Tenant
	}
	for _, d := range f.Databases {
		for _, s := range f.Shared {
			m.schemas[d.Name+"\x00"+s] = ""
		}
	}
	return m
}

func (m *merger) add(s Source, row Row) {
	r := &reader{file: &File{Path: m.file.Path, Databases: m.file.Databases, Defaults: m.file.Defaults, mentions: map[string]diag.Pos{}}, shared: m.shared, schemas: map[string]diag.Pos{}}
	r.source = &source{path: m.file.Path, lines: []int{0}, marks: map[int][]int{}}
	t, ok := r.tenant(rowNode(row))
	r.omissions()
	t.Pos = s.Pos
	if ok && m.listed[t.ID] {
		return
	}
	if ok && len(r.found) == 0 {
		r.found = append(r.found, m.conflicts(t)...)
	}
	if len(r.found) == 0 && m.check != nil {
		wrong, _ := errors.AsType[diag.List](m.check(t))
		r.found = append(r.found, wrong...)
	}
	if len(r.found) == 0 {
		m.take(t)
		return
	}
	for _, d := range r.found {
		d.Pos, d.Message = s.Pos, fmt.Sprintf("the row of %s is left out: %s", m.who(row), d.Message)
		m.wrong = append(m.wrong, d)
	}
}

// who names a row for people.
func (m *merger) who(row Row) string {
	if id, ok := row["id"]; ok && id != nil {
		return quote(fmt.Sprint(id))
	}
	return "a tenant without an id"
}

// conflicts says what a tenant has that another has.
func (m *merger) conflicts(t Tenant) (list diag.List) {
	if other, taken := m.ids[strings.ToLower(t.ID)]; taken && other == t.ID {
		list.Errorf(t.Pos, CodeDuplicateID, "the tenant %s is defined twice", quote(t.ID))
	} else if taken {
		list.Errorf(t.Pos, CodeSimilarID, "the ids %s and %s differ only in case", quote(other), quote(t.ID))
	}
	if len(list) > 0 {
		return list
	}
	if one, _ := m.file.databaseOf(t); one.Each {
		if problem := m.places.problem(one); problem != "" {
			list.Errorf(t.Pos, CodeSameDatabase, "%s", problem)
		}
	}
	if role := t.grants().Role; role != nil {
		if problem := roleProblem(role.Name); problem != "" {
			list.Errorf(t.Pos, CodeInvalidRole, "its role %s %s", quote(role.Name), problem)
		}
	}
	alone := File{Tenants: []Tenant{t}}
	for _, target := range alone.Targets() {
		problem := schemaProblem(target.Schema)
		if problem == "" && target.Schema == "public" {
			problem = "is everyone's"
		}
		other, taken := m.schemas[target.Database+"\x00"+target.Schema]
		switch {
		case problem != "":
			list.Errorf(t.Pos, CodeInvalidSchema, "the schema %s %s", quote(target.Schema), problem)
		case taken && other == "":
			list.Errorf(t.Pos, CodeSchemaConflict, "its schema %s is that of a shared service", quote(target.Schema))
		case taken:
			list.Errorf(t.Pos, CodeSchemaConflict, "its schema %s is that of the tenant %s", quote(target.Schema), quote(other))
		}
	}
	return list
}

func (m *merger) take(t Tenant) {
	m.file.Tenants = append(m.file.Tenants, t)
	m.ids[strings.ToLower(t.ID)] = t.ID
	if one, _ := m.file.databaseOf(t); one.Each {
		m.places.take(one)
	}
	alone := File{Tenants: []Tenant{t}}
	for _, target := range alone.Targets() {
		m.schemas[target.Database+"\x00"+target.Schema] = t.ID
	}
}

// rowNode turns a row into what the file would say.
func rowNode(row Row) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}
	labels := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(row)) {
		v := row[name]
		switch {
		case v == nil:
		case name == "labels":
			if more, ok := v.(map[string]any); ok {
				maps.Copy(labels, more)
			} else {
				n.Content = append(n.Content, textNode(name), valueNode(v)) // it is refused
			}
		case name == "services":
			n.Content = append(n.Content, textNode(name), valueNode(listOf(v)))
		case slices.Contains(columns, name):
			n.Content = append(n.Content, textNode(name), valueNode(v))
		default:
			labels[name] = v
		}
	}
	if len(labels) > 0 && !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return c.Value == "labels" }) {
		n.Content = append(n.Content, textNode("labels"), valueNode(labels))
	}
	return n
}

// listOf takes a text as a list, parted by commas.
func listOf(v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	var items []any
	for _, part := range strings.Split(s, ",") {
		items = append(items, strings.TrimSpace(part))
	}
	return items
}

func textNode(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: s, Line: 1, Column: 1}
}

// valueNode turns a value of JSON into a node. What is null in it is left out.
func valueNode(v any) *yaml.Node {
	switch v := v.(type) {
	case map[string]any:
		n := &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if v[k] != nil {
				n.Content = append(n.Content, textNode(k), valueNode(v[k]))
			}
		}
		return n
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode, Line: 1, Column: 1}
		for _, item := range v {
			if item != nil {
				n.Content = append(n.Content, valueNode(item))
			}
		}
		return n
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(v), Line: 1, Column: 1}
	case string:
		return textNode(v)
	case json.Number:
		return textNode(v.String())
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return textNode(fmt.Sprintf("%.0f", v))
		}
		return textNode(fmt.Sprint(v))
	}
	return textNode(fmt.Sprint(v))
}
