package state

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const services = "defaults: {services: [learn]}\n"

// inTime is a bound that only work growing faster than the file exceeds, even
// on a busy machine and under the race detector.
const inTime = time.Minute

func TestUnquotedIDsAreWhatWasTypedOrRefused(t *testing.T) {
	t.Parallel()
	for typed, code := range map[string]string{
		"acme": "", "12": "", "0": "", "true1": "", "1acme": "", "2024-report": "", "nope": "", "e3": "", "0xyz": "",
		`"yes"`: "", `'0123'`: "", `"null"`: "", "!!str 0123": "", "999999999999999": "", "1e": "", "1_a": "",
		"yes": CodeAmbiguousValue, "No": CodeAmbiguousValue, "on": CodeAmbiguousValue, "OFF": CodeAmbiguousValue,
		"y": CodeAmbiguousValue, "N": CodeAmbiguousValue, "true": CodeAmbiguousValue, "False": CodeAmbiguousValue,
		"0123": CodeAmbiguousValue, "0o17": CodeAmbiguousValue, "0x10": CodeAmbiguousValue, "0b1": CodeAmbiguousValue,
		"1e3": CodeAmbiguousValue, "1_000": CodeAmbiguousValue, ".5": CodeAmbiguousValue, "1.0": CodeAmbiguousValue,
		"-1": CodeAmbiguousValue, "+1": CodeAmbiguousValue, ".inf": CodeAmbiguousValue, ".NaN": CodeAmbiguousValue,
		"2024-01-02": CodeAmbiguousValue, "12:30": CodeAmbiguousValue, "9999999999999999": CodeAmbiguousValue,
		"null": CodeEmptyValue, "~": CodeEmptyValue, "": CodeEmptyValue, "NULL": CodeEmptyValue,
		"!!int 12": CodeUnsupportedTag, "!!binary YQ==": CodeUnsupportedTag, "!mine a": CodeUnsupportedTag,
		`""`: CodeInvalidID, "a b": CodeInvalidID, "-a": CodeInvalidID, "ä": CodeInvalidID, "_a": CodeInvalidID,
	} {
		src := services + "tenants:\n  - " + typed + "\n"
		if code != "" {
			if got := refused(t, src); !strings.HasPrefix(got, "tenants.yaml:3:") || !strings.Contains(got, "error["+code+"]") || strings.Contains(got, "\n") {
				t.Errorf("%s: %s, want %s", typed, got, code)
			}
			continue
		}
		want := strings.Trim(strings.TrimPrefix(typed, "!!str "), `'"`)
		if got := parse(t, src).Tenants[0].ID; got != want {
			t.Errorf("%s: the id is %q", typed, got)
		}
	}
}

func TestUnquotedLabelsMayBeTrueOrDecimal(t *testing.T) {
	t.Parallel()
	for typed, taken := range map[string]bool{
		"true": true, "false": true, "1.5": true, "-3": true, "0": true, "gold": true, `"1.10"`: true, "1.2.3": true,
		"True": false, "yes": false, "1.10": false, "1.": false, "-0": false, "1e3": false, "0123": false, "2024-01-02": false,
	} {
		src := services + "tenants:\n  - {id: a, labels: {x: " + typed + "}}\n"
		if !taken {
			if got := refused(t, src); !strings.Contains(got, "tenants.yaml:3:25: error[ambiguous-value]") {
				t.Errorf("%s: %s", typed, got)
			}
			continue
		}
		if got, want := parse(t, src).Tenants[0].Labels["x"], strings.Trim(typed, `"`); got != want {
			t.Errorf("%s: the label is %q", typed, got)
		}
	}
}

func TestColumnsCountBytes(t *testing.T) {
	t.Parallel()
	umlauts := strings.Repeat("ü", 200)
	for src, want := range map[string]string{
		`tenants: [{name: "ü€😀", nme: x}]`:                    "1:31",
		"\ufefftenants: [{name: a, nme: x}]":                  "1:21",
		`tenants: [{name: "` + umlauts + `", nme: x}]`:        "1:422",
		"# ü\r\ntenants:\r\n  - nme: x\r\n":                   "3:5",
		"tenants:\n  - name: |\n      ü\n      ü\n    nme: x": "5:5",
		"# ü\rtenants:\r  - nme: x\r":                         "3:5",
	} {
		if got := refused(t, src); !strings.Contains(got, "tenants.yaml:"+want+`: error[unknown-field]: "nme"`) {
			t.Errorf("want %s in:\n%s\nof:\n%s", want, got, src)
		}
	}
}

func TestAliasesStandForTheirAnchors(t *testing.T) {
	t.Parallel()
	f := parse(t, services+"tenants:\n  - {id: a, labels: &gold {plan: gold}}\n  - {id: b, labels: *gold}\n")
	if f.Tenants[1].Labels["plan"] != "gold" {
		t.Error(f.Tenants[1])
	}
}

func TestARepeatedAliasIsADuplicateWhereItStands(t *testing.T) {
	t.Parallel()
	got := refused(t, services+"tenants:\n  - &a acme\n  - *a\n")
	want := `tenants.yaml:4:5: error[duplicate-id]: the tenant "acme" is defined twice (also defined at tenants.yaml:3:5)`
	if got != want {
		t.Error(got)
	}
}

func TestAliasesDoNotExplode(t *testing.T) {
	t.Parallel()
	var src strings.Builder
	src.WriteString("x: &a0 [a, a]\n")
	for i := range 40 {
		fmt.Fprintf(&src, "x%d: &a%d [*a%d, *a%d]\n", i, i+1, i, i)
	}
	if got := refused(t, src.String()); !strings.Contains(got, "error[too-many-aliases]") {
		t.Error(got)
	}
}

func TestHugeAndOddFilesAreReadInTime(t *testing.T) {
	t.Parallel()
	const size = 1 << 19
	for name, src := range map[string]string{
		"brackets":     strings.Repeat("[", size),
		"braces":       strings.Repeat("{", size),
		"dashes":       strings.Repeat("- ", size/2),
		"questions":    strings.Repeat("? ", size/2),
		"one line":     "tenants: [" + strings.Repeat("ü, ", size/4),
		"bad ids":      "tenants: [" + strings.Repeat("ü, ", size/4) + "]",
		"aliases":      "tenants: [&a ü" + strings.Repeat(", *a", size/4) + "]",
		"unknown keys": "tenants: [{" + strings.Repeat("?ü, ", size/4) + "}]",
		"duplicates":   "tenants: [" + strings.Repeat("a,", size/2) + "]",
		"comments":     "tenants:\n" + strings.Repeat("- a # b\n# c\n", size/12),
		"open quote":   "tenants: \"" + strings.Repeat("a\n", size/2),
		"a long key":   "? " + strings.Repeat("a", size) + "\n: b",
		"a long id":    "tenants: [" + strings.Repeat("a", size) + "]",
		"dollars":      "databases: {main: {url: " + strings.Repeat("$$", size/2) + "}}",
	} {
		begin := time.Now()
		got := refused(t, src)
		if took := time.Since(begin); took > inTime {
			t.Errorf("%s took %s", name, took)
		}
		if len(got) > 64<<10 {
			t.Errorf("%s: the diagnostics have %d bytes", name, len(got))
		}
	}
}

func TestAHundredThousandTenantsAreReadInTime(t *testing.T) {
	t.Parallel()
	var src strings.Builder
	src.WriteString(services + "tenants:\n")
	for i := range 50_000 {
		fmt.Fprintf(&src, "  - short%d\n  - {id: long%d, name: Lång %d, labels: {ring: canary}}\n", i, i, i)
	}
	begin := time.Now()
	f := parse(t, src.String())
	t.Logf("%d tenants, %d targets, %s", len(f.Tenants), len(f.Targets()), time.Since(begin))
	if took := time.Since(begin); took > inTime {
		t.Errorf("took %s", took)
	}
}
