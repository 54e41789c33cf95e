package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestManualPagesAreTheSameEachTime(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1767225600")
	var first map[string]string
	for range 2 {
		dir := t.TempDir()
		if code, out, err := reconciled(t, "none.yaml", "man", dir); code != 0 || out != "" {
			t.Fatalf("%d\n%s%s", code, out, err)
		}
		pages := map[string]string{}
		files, _ := filepath.Glob(filepath.Join(dir, "*.1"))
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			pages[filepath.Base(f)] = string(text)
		}
		if first == nil {
			first = pages
		}
		for name, page := range pages {
			if page != first[name] {
				t.Errorf("%s is another one", name)
			}
		}
	}
	for name, part := range map[string]string{
		"reconcile.1":            `.TH "RECONCILE" 1 "2026-01-01" "reconcile `,
		"reconcile-status.1":     "reconcile status [TENANT\\[u2026]] [flags]",
		"reconcile-tenant-add.1": ".TP\n.B \\-\\-label key=value\na label, as key=value; repeatable\n",
		"reconcile-schema.1":     ".nf\n  # yaml\\-language\\-server: $schema=./tenants.schema.json\n.fi\n",
	} {
		if !strings.Contains(first[name], part) {
			t.Errorf("%s has no %q:\n%s", name, part, first[name])
		}
	}
	if first["reconcile-man.1"] != "" || strings.Contains(first["reconcile.1"], "__complete") {
		t.Error("there is a page of what is hidden")
	}
}

func TestNothingInAManualPageIsTakenForRoff(t *testing.T) {
	t.Parallel()
	if got, want := escapeRoff(".a\n'b \\c-d…"), `\&.a`+"\n"+`\&'b \ec\-d\[u2026]`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestADateThatIsNoNumberIsRefused(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "today")
	if code, _, err := reconciled(t, "none.yaml", "man", t.TempDir()); code != exitUsage || !strings.Contains(err, "$SOURCE_DATE_EPOCH") {
		t.Errorf("%d\n%s", code, err)
	}
}
