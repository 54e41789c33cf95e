package diag_test

import (
	"testing"

	"tenantry/internal/diag"
)

func TestADiagnosticIsOneLine(t *testing.T) {
	t.Parallel()
	var list diag.List
	list.Errorf(diag.Pos{File: "tenants.yaml", Line: 6, Column: 5}, "unknown-field", "%q is not a field of a tenant", "schma")
	list.Hintf("did you mean %q?", "schema")
	want := `tenants.yaml:6:5: error[unknown-field]: "schma" is not a field of a tenant (did you mean "schema"?)`
	if got := list.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAllErrorsComeInTheOrderOfTheFileOnce(t *testing.T) {
	t.Parallel()
	var list diag.List
	for _, line := range []int{7, 2, 7} {
		list.Errorf(diag.Pos{File: "a.hcl", Line: line}, "odd", "line %d is odd", line)
	}
	want := "a.hcl:2: error[odd]: line 2 is odd\na.hcl:7: error[odd]: line 7 is odd"
	if got := list.Err().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWarningsAreNoError(t *testing.T) {
	t.Parallel()
	var list diag.List
	list.Warnf(diag.Pos{File: "a.hcl"}, "odd", "it is odd")
	if err := list.Err(); err != nil {
		t.Errorf("a warning is an error: %v", err)
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	fields := []string{"id", "name", "schema", "services", "labels"}
	for word, want := range map[string]string{"schma": "schema", "lables": "labels", "Name": "name", "colour": "", "service": "services"} {
		if got := diag.Suggest(word, fields); got != want {
			t.Errorf("Suggest(%q) = %q, want %q", word, got, want)
		}
	}
}
