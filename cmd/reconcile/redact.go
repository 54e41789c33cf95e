package main

import (
	"errors"
	"os"
	"regexp"
	"strings"

	"tenantry/internal/diag"
)

// secrets finds what may be a password in text that a user has written: all
// between "://" and the last "@" of a line, and the value of a keyword. It rather
// takes too much than too little.
var secrets = regexp.MustCompile(`://([^\n]*)@|(?i:password|passwd|pwd)["']?\s*[=:]\s*('(?:[^'\\\n]|\\.)*'?|[^\s&]+)`)

// redact puts mask in place of what may be a password.
func redact(text string, mask func(secret string) string) string {
	var b strings.Builder
	last := 0
	for _, m := range secrets.FindAllStringSubmatchIndex(text, -1) {
		for g := 2; g < len(m); g += 2 {
			if m[g] >= 0 {
				b.WriteString(text[last:m[g]] + mask(text[m[g]:m[g+1]]))
				last = m[g+1]
			}
		}
	}
	return b.String() + text[last:]
}

// redacted is for a message.
func redacted(text string) string { return redact(text, func(string) string { return "…" }) }

// redactedList is for diagnostics, which quote what they are about.
func redactedList(list diag.List) diag.List {
	out := make(diag.List, len(list))
	for i, d := range list {
		d.Message, d.Hint, d.Pos.File = redacted(d.Message), redacted(d.Hint), redacted(d.Pos.File)
		out[i] = d
	}
	return out
}

// readRedacted reads a source for an excerpt. Columns stay what they are.
func readRedacted(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	return []byte(redact(string(text), func(secret string) string { return strings.Repeat("*", len(secret)) })), err
}

// checkURL refuses a URL whose password was not escaped: what stands after its
// "/" would be taken for the database, and shown.
func checkURL(name, url string) error {
	_, rest, ok := strings.Cut(url, "://")
	rest, _, _ = strings.Cut(rest, "?")
	if _, path, _ := strings.Cut(rest, "/"); ok && strings.Contains(path, "@") {
		return hinted{errors.New("database " + name + ": its URL has an @ after a /"), "in a password write %40 for @, %2F for /, %3F for ? and %23 for #"}
	}
	return nil
}
