package atlascli

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"tenantry/internal/diag"
)

// longest is how much of what the binary says is passed on, in bytes.
const longest = 1000

var (
	escapes  = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")
	userinfo = regexp.MustCompile(`://[^\s/@]*(?::[^\n@]*)?@`)
	keyword  = regexp.MustCompile(`(?i)\b(password|passwd|pwd)(\s*[=:]\s*)('[^']*'|"[^"]*"|[^\s&]+)`)
	usage    = regexp.MustCompile(`(?s)\nUsage:\n.*$`)
)

// inBrief returns in one line what a program has said: without colours, usage and
// empty lines, without the secrets among the variables that it was given, and
// without what else looks like one.
func inBrief(text string, variables map[string]string) string {
	if len(text) > 100*longest { // a flood
		text = text[:100*longest]
	}
	text = usage.ReplaceAllString(escapes.ReplaceAllString(text, ""), "")
	for _, secret := range secretsOf(variables) {
		text = strings.ReplaceAll(text, secret, "…")
	}
	text = keyword.ReplaceAllString(userinfo.ReplaceAllString(text, "://…@"), "$1$2…")
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimPrefix(strings.TrimSpace(line), "Error: "); line != "" {
			lines = append(lines, line)
		}
	}
	if text = strings.Join(lines, "; "); len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + " …"
	}
	return text
}

// secretsOf returns the passwords in URLs, as they are and as they are written
// there.
func secretsOf(variables map[string]string) (out []string) {
	for _, value := range variables {
		u, err := url.Parse(value)
		if err != nil || u.User == nil {
			continue
		}
		if password, ok := u.User.Password(); ok && password != "" {
			_, written, _ := strings.Cut(u.User.String(), ":")
			out = append(out, written, password)
		}
	}
	return out
}

// A place in our merged HCL, as HCL writes it: path:line,column-column or
// path:line:column.
var place = regexp.MustCompile(`[^\s:"]*schema\.hcl:(\d+)(?:[,:](\d+))?(?:-(?:\d+,)?\d+)?`)

// told returns what the binary said of a definition as a diagnostic at the place
// that it is about, where there is one.
func (q *question) told(err error) error {
	if q.hcl == nil {
		return err
	}
	text := err.Error()
	at := place.FindStringSubmatchIndex(text)
	if at == nil {
		return err
	}
	line, _ := strconv.Atoi(text[at[2]:at[3]])
	column := 1
	if at[4] >= 0 {
		column, _ = strconv.Atoi(text[at[4]:at[5]])
	}
	path, line := q.hcl.Origin(line)
	if path == "" {
		return err
	}
	var diags diag.List
	diags.Errorf(diag.Pos{File: path, Line: line, Column: column}, "invalid-hcl", "%s", q.elsewhere(strings.Trim(text[at[1]:], ": ")))
	return diags.Err()
}

// elsewhere puts the files' own places into what else the binary says.
func (q *question) elsewhere(text string) string {
	return place.ReplaceAllStringFunc(text, func(found string) string {
		m := place.FindStringSubmatch(found)
		line, _ := strconv.Atoi(m[1])
		path, line := q.hcl.Origin(line)
		return path + ":" + strconv.Itoa(line)
	})
}
