package main

import (
	"os"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"
)

// What is never the same in two runs, and what stands for it in golden files.
var scrubs = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\b\d{8}T\d{6}Z-[0-9a-f]{6}\b`), "20260102T030405Z-abcdef"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`), "2026-01-02 03:04:05 UTC"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), "2026-01-02T03:04:05Z"},
	{regexp.MustCompile(`("duration_ms": )\d+`), "${1}42"},
	{regexp.MustCompile(`("by": )"[^"]*"`), `${1}"somebody"`},
	{regexp.MustCompile(`\bby \S+( at commit \S+)?( in main|\n)`), "by somebody$1$2"},
	{regexp.MustCompile(`\b(\d+ms|\d+\.\d+s|\d+m \d+s)( to (\d+ms|\d+\.\d+s|\d+m \d+s) each| each)?`), "42ms"},
}

// scrubVerb makes the output of one run what that of any other would be.
func scrubVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: scrub FILE")
	}
	text := []byte(ts.ReadFile(args[0]))
	for _, s := range scrubs {
		text = s.pattern.ReplaceAll(text, []byte(s.with))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o644))
}
