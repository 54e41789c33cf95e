package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// jsonVerb compares a part of the JSON that the last command left on stdout:
//
//	json summary.create 1
//	json targets.0.tenant acme
//	json targets[tenant=acme].outcome applied
//	json plan_id '/^sha256:[0-9a-f]{64}$/'
//	json steps.length 2        how many there are
//	json summary.@ 'a b c'     the names in it, sorted
//
// A plan's document has to follow reconcile/plan.schema.json.
func jsonVerb(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: json PATH WANT")
	}
	var document any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &document))
	if d, ok := document.(map[string]any); ok && d["plan_id"] != nil {
		ts.Check(planSchema().Validate(document))
	}
	got, err := lookUp(document, args[0])
	if err != nil {
		ts.Fatalf("json %s: %v", args[0], err)
	}
	same := got == args[1]
	if pattern, ok := strings.CutPrefix(args[1], "/"); ok && strings.HasSuffix(pattern, "/") {
		same = regexp.MustCompile(strings.TrimSuffix(pattern, "/")).MatchString(got)
	}
	if same == neg {
		ts.Fatalf("json %s is %s", args[0], got)
	}
}

// planSchema is the schema that plans are promised to follow.
var planSchema = sync.OnceValue(func() *jsonschema.Schema {
	return jsonschema.NewCompiler().MustCompile("../../reconcile/plan.schema.json")
})

var selection = regexp.MustCompile(`^(\w*)\[(\w+)=(.*)\]$`)

// lookUp finds a part of a JSON document and prints it: strings as they are,
// everything else as JSON.
func lookUp(v any, path string) (string, error) {
	for part := range strings.SplitSeq(path, ".") {
		var err error
		if m := selection.FindStringSubmatch(part); m != nil {
			if v, err = step(v, m[1]); err == nil {
				v, err = selected(v, m[2], m[3])
			}
		} else {
			v, err = step(v, part)
		}
		if err != nil {
			return "", err
		}
	}
	if s, ok := v.(string); ok {
		return s, nil
	}
	text, err := json.Marshal(v)
	return string(text), err
}

func step(v any, part string) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if part == "@" {
			return strings.Join(slices.Sorted(maps.Keys(v)), " "), nil
		}
		if child, ok := v[part]; ok {
			return child, nil
		}
	case []any:
		if part == "length" {
			return float64(len(v)), nil
		}
		if i, err := strconv.Atoi(part); err == nil && i < len(v) {
			return v[i], nil
		}
	}
	return nil, fmt.Errorf("there is no %q", part)
}

// selected returns the one element whose field has the value.
func selected(v any, field, value string) (any, error) {
	list, _ := v.([]any)
	var found []any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok && m[field] == value {
			found = append(found, item)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d elements have %s=%s", len(found), field, value)
	}
	return found[0], nil
}
