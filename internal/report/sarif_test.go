package report

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tenantry/internal/diag"
)

// wrongFiles is what is wrong with some files.
func wrongFiles() diag.List {
	return diag.List{
		{Pos: diag.Pos{File: "tenants.yaml", Line: 6, Column: 5}, Severity: diag.Error, Code: "unknown-field", Message: `"schma" is not a field of a tenant`, Hint: `did you mean "schema"?`},
		{Pos: diag.Pos{File: "tenants.yaml", Line: 9, Column: 5}, Severity: diag.Error, Code: "unknown-field", Message: `"nmae" is not a field of a tenant`},
		{Pos: diag.Pos{File: "schema/a b:100%.hcl", Line: 4}, Severity: diag.Warning, Code: "odd", Message: "odd, and\r\nmore: 100% \x1b[31m"},
		{Severity: diag.Error, Code: "unusable", Message: "no place"},
	}
}

func places() Places {
	return Places{Default: "tenants.yaml", Name: func(path string) string { return filepath.ToSlash(filepath.Join("infra", path)) }}
}

func sarifText1(t *testing.T, list diag.List, p Places) string {
	t.Helper()
	var b strings.Builder
	if err := SARIF(&b, list, "1.2.3", p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSARIFFollowsItsSchema(t *testing.T) {
	t.Parallel()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	s, err := compiler.Compile("testdata/sarif.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string]diag.List{
		"wrong files": wrongFiles(), "nothing": nil, "a plan": Findings(everything()), "an apply": Findings(apply(everything(), nil)),
		"hostile": Findings(hostile()), "infested": Findings(infest("\xff</script>\u2028\"")),
	} {
		if err := s.Validate(decode(t, sarifText1(t, list, places()))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSARIFNamesRulesAndPlaces(t *testing.T) {
	t.Parallel()
	golden(t, "sarif", sarifText1(t, wrongFiles(), places()))
	golden(t, "sarif-plan", sarifText1(t, Findings(everything()), places()))
	golden(t, "sarif-nothing", sarifText1(t, nil, places()))
}

func TestSARIFIndexesItsRules(t *testing.T) {
	t.Parallel()
	var log sarifLog
	if err := json.Unmarshal([]byte(sarifText1(t, append(wrongFiles(), Findings(everything())...), places())), &log); err != nil {
		t.Fatal(err)
	}
	rules := log.Runs[0].Tool.Driver.Rules
	seen := make(map[string]bool)
	for _, rule := range rules {
		if seen[rule.ID] {
			t.Errorf("the rule %s is there twice", rule.ID)
		}
		seen[rule.ID] = true
	}
	for _, result := range log.Runs[0].Results {
		if got := rules[result.RuleIndex].ID; got != result.RuleID {
			t.Errorf("a result of %s has the index of %s", result.RuleID, got)
		}
	}
}

func TestFilesOutsideOfTheRepositoryHaveNoBase(t *testing.T) {
	t.Parallel()
	if got := artifactOf("/etc/a b.yaml"); got.URI != "file:///etc/a%20b.yaml" || got.BaseID != "" {
		t.Errorf("got %+v", got)
	}
	if got := artifactOf("a:b.yaml"); got.URI != "./a:b.yaml" {
		t.Errorf("got %+v", got)
	}
}

func TestColumnsCountWhatEditorsCount(t *testing.T) {
	t.Parallel()
	files := map[string]string{"tenants.yaml": "\ufeffä𝄞: b\r\nc: d\n"}
	p := Places{Read: func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, errors.New("no such file")
	}}
	for _, c := range []struct {
		pos          diag.Pos
		line, column int
	}{
		{diag.Pos{File: "tenants.yaml", Line: 1, Column: 9}, 1, 6}, // two bytes, and four that are two units
		{diag.Pos{File: "tenants.yaml", Line: 2, Column: 4}, 2, 4},
		{diag.Pos{File: "tenants.yaml", Line: 2, Column: 99}, 2, 5},
		{diag.Pos{File: "tenants.yaml", Line: 99, Column: 7}, 99, 7},
		{diag.Pos{File: "elsewhere", Line: 1, Column: 7}, 1, 7},
		{diag.Pos{File: "tenants.yaml"}, 1, 1},
	} {
		if got := p.place(c.pos); got.Line != c.line || got.Column != c.column {
			t.Errorf("%v became %v, want %d:%d", c.pos, got, c.line, c.column)
		}
	}
}
