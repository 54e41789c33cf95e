package report

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"tenantry/internal/diag"
)

// SARIF writes findings in the Static Analysis Results Interchange Format,
// version 2.1.0, which code hosts and editors show at their lines. Without
// findings it is a document without results. A rule is a kind of finding; its id
// is the diagnostic's code.
//
// Files are named from the root of the repository, with the base %SRCROOT%.
// Columns count UTF-16 code units.
func SARIF(w io.Writer, findings diag.List, toolVersion string, p Places) error {
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "Tenantry", Version: toolVersion, Rules: []sarifRule{}}},
		ColumnKind: "utf16CodeUnits", Results: []sarifResult{},
	}
	index := make(map[string]int)
	for _, d := range findings {
		i, known := index[d.Code]
		if !known {
			i = len(index)
			index[d.Code] = i
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, ruleOf(d))
		}
		run.Results = append(run.Results, sarifResult{
			RuleID: d.Code, RuleIndex: i, Level: level(d.Severity), Message: sarifText{message(d)}, Locations: []sarifLocation{locationOf(p.place(d.Pos))},
		})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", jsonIndent)
	return e.Encode(sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
}

const sarifSchema = "https://json.schemastore.org/sarif-2.1.0.json"

func ruleOf(d diag.Diagnostic) sarifRule {
	return sarifRule{ID: d.Code, ShortDescription: sarifText{strings.ReplaceAll(d.Code, "-", " ")}, Default: sarifConfiguration{level(d.Severity)}}
}

// level returns SARIF's word for a severity, of which ours are two.
func level(s diag.Severity) string {
	if s == diag.Error {
		return "error"
	}
	return "warning"
}

func locationOf(pos diag.Pos) sarifLocation {
	return sarifLocation{sarifPhysical{artifactOf(pos.File), sarifRegion{pos.Line, pos.Column}}}
}

// artifactOf names a file by a URI that is relative, but for one outside of the
// repository.
func artifactOf(path string) sarifArtifact {
	slashed := filepath.ToSlash(path)
	if filepath.IsAbs(path) {
		return sarifArtifact{URI: (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(slashed, "/")}).String()}
	}
	return sarifArtifact{URI: (&url.URL{Path: slashed}).String(), BaseID: "%SRCROOT%"}
}

// What is used of the format, see
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string             `json:"id"`
		ShortDescription sarifText          `json:"shortDescription"`
		Default          sarifConfiguration `json:"defaultConfiguration"`
	}
	sarifConfiguration struct {
		Level string `json:"level"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI    string `json:"uri"`
		BaseID string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		Line   int `json:"startLine"`
		Column int `json:"startColumn"`
	}
)
