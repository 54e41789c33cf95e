package schema

import (
	"slices"
	"strings"

	"tenantry/internal/diag"
)

// PostgreSQL prints names of a schema's own things without the schema, but for
// texts that it does not read: the body of a function, its SET search_path, a
// comment. What has the schema's name there is another thing in each tenant, which
// no one definition can be compared with.

// checkNames refuses a blueprint that makes such a thing. An error is a diag.List.
// What some of its files have made, a later one may make anew.
func (b *Bench) checkNames(blueprint *Blueprint, c *Compiled) error {
	if blueprint.runs != nil {
		return nil
	}
	var diags diag.List
	for _, l := range c.Lines {
		if !strings.Contains(l.Definition, b.Schema) {
			continue
		}
		pos := blueprint.pos
		for i, f := range c.Files {
			r := blueprint.initial()[i]
			for k, s := range c.Create[f.First : f.First+f.Count] { // the last that speaks of it
				if strings.Contains(strings.ToLower(s.SQL), strings.ToLower(bareOf(l))) {
					pos = r.Migration.at(r.Begin + k)
				}
			}
		}
		diags.Errorf(pos, "schema-in-text", "the %s %s has the name of the schema in its text, and would be another one for each tenant", l.Kind, strings.TrimPrefix(l.Table+"."+l.Name, "."))
		diags.Hintf("leave the name out of it, of SET search_path too: names are looked up in the schema of whoever calls; where the file has been applied, make it anew in the next one")
	}
	return diags.Err()
}

// bareOf is the name of what a line tells of, as a statement has it.
func bareOf(l Line) string {
	name, _, _ := strings.Cut(l.Name, "(")
	return strings.Trim(name, `"`)
}

// makes reports whether what was compiled is, in a schema of that name, a structure
// of that fingerprint, however the name is quoted in texts.
func (c *Compiled) makes(is Fingerprint, name string) bool {
	if c.Fingerprint == is || c.scratch == "" {
		return c.Fingerprint == is
	}
	for _, quoted := range []string{name, QuoteIdent(name)} {
		lines, in := slices.Clone(c.Lines), strings.NewReplacer(QuoteIdent(c.scratch), quoted, c.scratch, name)
		for i := range lines {
			lines[i].Definition = in.Replace(lines[i].Definition)
		}
		if FingerprintOf(lines) == is {
			return true
		}
	}
	return false
}
