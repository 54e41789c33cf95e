package schema

import (
	"context"
	"fmt"
	"strings"

	"ariga.io/atlas/schemahcl"
	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	_ "ariga.io/atlas/sql/postgres/postgrescheck" // registers the analysers
	atlas "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlcheck"
	"ariga.io/atlas/sql/sqlclient"
)

// Atlas's own analysers (sql/sqlcheck with postgrescheck, v1.3.0) judge the
// changes that Atlas plans: what drops schemas, tables and columns (DS101 to
// DS103) or foreign keys (CD101), what depends on data (MF101 to MF104), what
// renames (BC101, BC102). They need no dev database: given the changes, all that
// they ask of one is the text of migration files, which there are none of. They say nothing of
// checks, foreign keys that are added, types that change, rewrites and locks, nor
// of what the residue plans or another engine says in SQL only; review sees to
// those.

// lint returns what Atlas's analysers say, statement by statement.
func lint(ctx context.Context, changes []*migrate.Change) ([][]Hazard, error) {
	analyzers, err := sqlcheck.AnalyzerFor(postgres.DriverName, reportOnly())
	if err != nil {
		return nil, fmt.Errorf("atlas: %w", err)
	}
	file := &sqlcheck.File{}
	for i, c := range changes {
		file.Changes = append(file.Changes, &sqlcheck.Change{Changes: atlas.Changes{c.Source}, Stmt: &migrate.Stmt{Pos: i, Text: c.Cmd}})
	}
	hazards := make([][]Hazard, len(changes))
	pass := &sqlcheck.Pass{File: file, Dev: &sqlclient.Client{}, Reporter: sqlcheck.ReportWriterFunc(func(r sqlcheck.Report) {
		for _, d := range r.Diagnostics {
			if code, known := codeOfAtlas[d.Code[:2]]; known {
				hazards[d.Pos] = append(hazards[d.Pos], Hazard{Code: code, Message: lowerFirst(d.Text), Atlas: d.Code})
			}
		}
	})}
	if err := sqlcheck.Analyzers(analyzers).Analyze(ctx, pass); err != nil {
		return nil, fmt.Errorf("atlas: %w", err)
	}
	return hazards, nil
}

// codeOfAtlas gives the hazard that a family of Atlas's codes is.
var codeOfAtlas = map[string]HazardCode{
	"DS": HazardDestructive, "MF": HazardDataDependent, "CD": HazardDropsConstraint, "BC": HazardIncompatible,
}

// reportOnly configures the analysers to report, and not to fail where they do.
func reportOnly() *schemahcl.Resource {
	r := &schemahcl.Resource{}
	for name := range lintBlocks {
		r.Children = append(r.Children, &schemahcl.Resource{Type: name, Attrs: []*schemahcl.Attr{schemahcl.BoolAttr("error", false)}})
	}
	return r
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
