package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"gopkg.in/yaml.v3"

	"tenantry/internal/diag"
)

// unseen are the codes of what a schema cannot see: what one part of a file is
// to another, what YAML readers make of a text, and what only the YAML itself
// or the environment shows.
var unseen = []string{
	CodeAmbiguousValue, CodeMergeKey, CodeUnsupportedTag, CodeNestingTooDeep, CodeTooManyAliases,
	CodeUnsetVariable, CodeUnknownDatabase, CodeNoDatabase, CodeSharedService,
	CodeDuplicateID, CodeSimilarID, CodeSchemaConflict, CodeFormerTaken, CodeRoleConflict, CodeMissingLabel, CodeSameDatabase,
}

// unseenHere are places where a code that a schema sees elsewhere is hidden from
// it.
var unseenHere = map[string][]string{
	"long-schema.yaml":                 {"/tenants/1"},                              // what id and template come to
	"schemas.yaml":                     {"/tenants/9/schema", "/tenants/10/schema"}, // invisible characters, bytes
	"no-services.yaml":                 {"/tenants/0"},                              // no default either
	"no-services-of-two.yaml":          {"/tenants/0"},
	"policy-out-of-range.yaml":         {"/policy/lock_timeout"}, // bounds of a duration
	"timeout-below-a-millisecond.yaml": {"/policy/lock_timeout"},
	"kept-too-long.yaml":               {"/policy/retire_after"},
	"roles.yaml":                       {"/tenants/1"}, // what a template comes to
	"timeout-zero.yaml":                {"/policy/lock_timeout"},
	"sources.yaml":                     {"/from/1/every"},    // bounds of a duration
	"variables.yaml":                   {"/databases/f/url"}, // variables that are empty
	"utf-16.yaml":                      {"/tenants/0"},       // what YAML allows
}

// compiled returns the schema, ready for use.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("tenants.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("tenants.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// instance returns a YAML file as the schema is shown it, where it can be.
func instance(src []byte) (any, bool) {
	documents, err := decode(bytes.NewReader(bytes.TrimPrefix(src, byteOrderMark)))
	if err != nil || len(documents) != 1 {
		return nil, false
	}
	var v any
	if err := documents[0].Decode(&v); err != nil {
		return nil, false
	}
	return inJSON(v)
}

// inJSON turns what the YAML reader returns into what JSON could hold.
func inJSON(v any) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			child, ok := inJSON(child)
			if !ok {
				return nil, false
			}
			v[k] = child
		}
	case []any:
		for i, child := range v {
			child, ok := inJSON(child)
			if !ok {
				return nil, false
			}
			v[i] = child
		}
	case int, int64, uint64, float64, string, bool, nil:
	default:
		return fmt.Sprint(v), true // a time, or a mapping whose keys are no text
	}
	return v, true
}

func TestTheSchemaTakesWhatParseTakes(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	check := func(name string, src []byte) {
		if _, err := Parse(name, src, Options{Services: []string{"learn"}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		v, ok := instance(src)
		if !ok {
			t.Errorf("%s cannot be read", name)
		} else if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v\n%s", name, err, src)
		}
	}
	examples, _ := filepath.Glob("../examples/*.yaml")
	for _, path := range examples {
		if !strings.Contains(filepath.Base(path), "tenants") {
			continue
		}
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		check(path, src)
	}
	check("the long form", []byte(longForm))
	for _, src := range []string{
		"tenants: [acme, globex]", "{allow_empty: true, tenants: []}", "tenants: [12, {id: 0}]",
		`databases: {a: {url: "a$$b$c${D}$"}, b: {url_file: 12}}` + "\ndefaults: {database: a, schema: 'x {id}ü{service}'}\ntenants: [a]",
		"policy: {lock_timeout: 1m30.5s, parallelism: 64, max_failures: 2147483647, destructive: if-empty}\ntenants: [a]",
		"rollout: [{match: {a/b.c: true}}, {percent: 1}]\ntenants: [{id: a, schema: 12, labels: {x: 1.5}, vars: {a: \"1\\n\\t\"}, name: 007 Inc}]",
		"tenants: [{id: a, labels: {}, vars: {}, name: ''}]", "rollout: []\nshared: []\ntenants: [a]",
	} {
		check(src, []byte(src))
	}
	for seed := range uint64(300) {
		src, _ := randomFile(seed)
		check(fmt.Sprint("seed ", seed), []byte(src))
	}
}

func TestTheSchemaAndParseAgreeAboutBrokenFiles(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	paths, _ := filepath.Glob("testdata/broken/*.yaml")
	for _, path := range paths {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		v, ok := instance(src)
		if !ok {
			continue // no YAML that an editor could check
		}
		name := filepath.Base(path)
		_, err = Parse("tenants.yaml", src, Options{LookupEnv: environment})
		list, ok := errors.AsType[diag.List](err)
		if !ok {
			t.Fatalf("%s: %v", name, err)
		}
		agree(t, name, pointers(src, list), wrongParts(schema.Validate(v)))
	}
}

// agree checks that the schema sees each diagnostic that it can, where it is,
// and nothing else.
func agree(t *testing.T, name string, said map[string][]diag.Diagnostic, seen []string) {
	t.Helper()
	for at, list := range said {
		for _, d := range list {
			if slices.Contains(unseen, d.Code) || slices.Contains(unseenHere[name], at) {
				continue
			}
			if !slices.ContainsFunc(seen, func(s string) bool { return related(s, at) }) {
				t.Errorf("%s: the schema does not see, at %s: %s", name, at, d)
			}
		}
	}
	for _, s := range seen {
		_, found := said[cutShort]
		for at := range said {
			found = found || related(s, at)
		}
		if !found {
			t.Errorf("%s: the schema has something against %q, but Parse has not", name, s)
		}
	}
}

// anywhere begins the place of a key of which only the name is known.
const anywhere = "//"

// related reports whether one place is the other or around it.
func related(a, b string) bool {
	if name, ok := strings.CutPrefix(a, anywhere); ok {
		return strings.HasSuffix(b, "/"+name)
	}
	return a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// wrongParts returns where a schema has something against a document.
func wrongParts(err error) (places []string) {
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return nil
	}
	at := pointer(invalid.InstanceLocation)
	switch k := invalid.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			places = append(places, at+"/"+name)
		}
		return places
	case *kind.PropertyNames:
		return []string{anywhere + k.Property} // its place is not reliable (jsonschema v6.0.3)
	}
	if len(invalid.Causes) == 0 {
		return []string{at}
	}
	for _, cause := range invalid.Causes {
		places = append(places, wrongParts(cause)...)
	}
	return places
}

// pointer returns the place of a part of a document.
func pointer(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return "/" + strings.Join(path, "/")
}

// cutShort stands for the places of the errors that Parse did not list.
const cutShort = "…"

// pointers returns the diagnostics by the part of the document that they point
// at: the innermost that begins there.
func pointers(src []byte, list diag.List) map[string][]diag.Diagnostic {
	documents, err := decode(bytes.NewReader(bytes.TrimPrefix(src, byteOrderMark)))
	if err != nil || len(documents) == 0 {
		return map[string][]diag.Diagnostic{"": list}
	}
	source := newSource("tenants.yaml", src, &problems{})
	at := map[diag.Pos]string{}
	var walk func(n *yaml.Node, path []string)
	walk = func(n *yaml.Node, path []string) {
		at[source.pos(n.Line, n.Column)] = pointer(path)
		for i, child := range n.Content {
			switch {
			case n.Kind == yaml.SequenceNode:
				walk(child, append(path, strconv.Itoa(i)))
			case i%2 == 1:
				walk(child, append(path, target(n.Content[i-1]).Value))
			case child.Kind == yaml.ScalarNode:
				at[source.pos(child.Line, child.Column)] = pointer(append(path, child.Value))
			}
		}
	}
	walk(documents[0].Content[0], nil)
	found := map[string][]diag.Diagnostic{}
	for _, d := range list {
		if d.Code == CodeTooManyErrors {
			found[cutShort] = nil
			continue
		}
		found[at[d.Pos]] = append(found[at[d.Pos]], d)
	}
	return found
}

func TestTheSchemaOfTheExamplesIsThisOne(t *testing.T) {
	t.Parallel()
	const path = "../examples/tenants.schema.json"
	if *update {
		if err := os.WriteFile(path, JSONSchema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(path); err != nil || !bytes.Equal(text, JSONSchema()) {
		t.Errorf("%s is not state/tenants.schema.json (%v); go test ./state -update copies it", path, err)
	}
}
