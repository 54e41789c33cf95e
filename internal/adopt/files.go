package adopt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"tenantry/reconcile"
	"tenantry/schema"
	"tenantry/state"
)

// The files, relative to the folder of tenants.yaml.
const (
	tenantsFile = "tenants.yaml"
	projectFile = "atlas.hcl"
)

// files writes the files in memory and reads them as reconcile will: what they
// say must be what was proven.
func (s *survey) files(ctx context.Context) error {
	tenants, err := s.tenantsFile()
	if err != nil {
		return err
	}
	s.add(tenantsFile, tenants)
	s.add(projectFile, s.projectFile())
	for i, d := range s.drafts {
		name := s.serviceOf(i)
		s.add("schema/"+name+".hcl", s.head(i)+d.HCL)
		if d.SQL != "" {
			s.add("schema/"+name+".sql", d.SQL)
		}
	}
	return s.prove(ctx)
}

func (s *survey) add(path, content string) {
	s.out.Files = append(s.out.Files, File{Path: path, Content: content})
}

// serviceOf returns the name of the service that a draft is.
func (s *survey) serviceOf(draft int) string {
	if draft < len(s.out.Shared) {
		return s.out.Shared[draft].Schema
	}
	return s.options.Service
}

// head says at the top of a source where it comes from, and what is not in it.
func (s *survey) head(draft int) string {
	from, unsaid, reprinted := s.out.Template.Schema, s.out.Unsaid, s.out.Reprinted
	if draft < len(s.out.Shared) {
		sh := s.out.Shared[draft]
		from, unsaid, reprinted = sh.Schema, sh.Unsaid, sh.Reprinted
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Taken from the schema %s of the database %s.\n", from, s.out.Database)
	for _, h := range s.out.Histories {
		if h.Schema == from {
			fmt.Fprintf(&b, "# %s\n", oneLine(h.String()))
		}
	}
	list(&b, "What no file can say of it:", unsaid)
	list(&b, "In the words that stay when PostgreSQL reads what it prints:", reprinted)
	b.WriteString("\n")
	return b.String()
}

func list(b *strings.Builder, title string, items []string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(b, "# %s\n", title)
	for _, item := range items {
		fmt.Fprintf(b, "#   %s\n", oneLine(item))
	}
}

// oneLine makes a comment of what a database says, which no line break in a name,
// of whatever kind, may lead out of.
func oneLine(text string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsGraphic(c) {
			return ' '
		}
		return c
	}, text)
}

// projectFile returns atlas.hcl.
func (s *survey) projectFile() string {
	var b strings.Builder
	b.WriteString("# Each env is a service. Files of shared services are listed where tables refer to theirs.\n")
	var before []string
	for i, d := range s.drafts {
		name := s.serviceOf(i)
		src := append(before, name+".hcl")
		before = append(before, name+".hcl")
		if d.SQL != "" {
			src = append(src, name+".sql")
			before = append(before, name+".sql")
		}
		fmt.Fprintf(&b, "\nenv %q {\n  src = [\n", name)
		for _, file := range src {
			fmt.Fprintf(&b, "    \"file://schema/%s\",\n", file)
		}
		b.WriteString("  ]\n  url = getenv(\"DATABASE_URL\")\n  dev = getenv(\"ATLAS_DEV_URL\")\n}\n")
	}
	return b.String()
}

// tenantsFile returns tenants.yaml: the groups one after the other, each with how
// it differs from the definition.
func (s *survey) tenantsFile() (string, error) {
	file := state.File{
		Path: tenantsFile, Databases: []state.Database{{Name: state.DefaultDatabase}}, Policy: state.DefaultPolicy,
		Defaults: state.Defaults{Database: state.DefaultDatabase, Schema: s.pattern.template(), Services: []string{s.options.Service}},
	}
	for _, sh := range s.out.Shared {
		file.Shared = append(file.Shared, sh.Schema)
	}
	comments := make(map[int][]string) // by the tenant that they come before
	for i, g := range s.out.Groups {
		if len(s.out.Groups) > 1 {
			comments[len(file.Tenants)] = s.comment(i)
		}
		for _, t := range g.Tenants {
			tenant := state.Tenant{ID: t.ID, Database: file.Defaults.Database, Services: file.Defaults.Services, Schema: file.Defaults.Schema}
			if strings.ReplaceAll(tenant.Schema, "{id}", t.ID) != t.Schema {
				tenant.Schema = t.Schema
			}
			file.Tenants = append(file.Tenants, tenant)
		}
	}
	text, err := file.Marshal()
	if err != nil {
		return "", err
	}
	return commented(text, fmt.Sprintf("# The tenants of the database %s: its schemas like %s.\n", s.out.Database, strconv.Quote(s.out.Match)), comments), nil
}

// comment says how a group stands to the definition.
func (s *survey) comment(group int) []string {
	g := s.out.Groups[group]
	switch {
	case g.Template:
		return []string{fmt.Sprintf("As the definition says, which was taken from %s:", s.out.Template.ID)}
	case g.Empty:
		return []string{"Empty schemas, which the next run fills:"}
	}
	out := []string{"Differs from the definition:"}
	for _, r := range g.RefersTo {
		out = append(out, "  refers to another tenant's schema, "+r)
	}
	for _, d := range g.Differences {
		out = append(out, "  "+d.String())
	}
	return out
}

// String says the difference in half a sentence.
func (d Difference) String() string {
	switch d.Problem {
	case "missing":
		return "lacks the " + d.Subject
	case "unexpected":
		return "has the " + d.Subject + " more"
	}
	return "has another " + d.Subject
}

// commented puts comments into the text of a tenants file, and takes the policy
// out of it, which is the one that there is without being written.
func commented(text []byte, head string, comments map[int][]string) string {
	var out strings.Builder
	out.WriteString(head)
	tenant, inTenants, inPolicy := 0, false, false
	for line := range bytes.Lines(text) {
		if inPolicy = bytes.HasPrefix(line, []byte("policy:")) || inPolicy && line[0] == ' '; inPolicy {
			continue
		}
		if inTenants && bytes.HasPrefix(line, []byte("  - ")) {
			for _, c := range comments[tenant] {
				out.WriteString("  # " + oneLine(c) + "\n")
			}
			tenant++
		}
		inTenants = inTenants || bytes.HasPrefix(line, []byte("tenants:"))
		out.Write(line)
	}
	return out.String()
}

// prove reads the files as reconcile does and compares what they compile to with
// what was proven.
func (s *survey) prove(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "reconcile-adopt-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := s.out.Write(dir, false); err != nil {
		return err
	}
	none := func(string) string { return "" }
	project, err := schema.LoadProject(filepath.Join(dir, projectFile), none)
	if err != nil {
		return fmt.Errorf("the files that would be written are wrong: %w", err)
	}
	file, err := state.Load(filepath.Join(dir, tenantsFile), state.Options{Services: project.Names()})
	if err != nil {
		return fmt.Errorf("the files that would be written are wrong: %w", err)
	}
	desired, err := reconcile.Resolve(file, file.Targets(), project)
	if err != nil {
		return fmt.Errorf("the files that would be written are wrong: %w", err)
	}
	for _, t := range desired.Targets {
		draft := s.drafts[len(s.drafts)-1]
		if t.Shared {
			for i := range s.out.Shared {
				if s.serviceOf(i) == t.Tenant {
					draft = s.drafts[i]
				}
			}
		}
		c, err := s.planner.Compile(ctx, t.Blueprint)
		if err != nil {
			return fmt.Errorf("the files that would be written are wrong: %w", err)
		}
		if c.Fingerprint != draft.Compiled.Fingerprint {
			return fmt.Errorf("the files that would be written say something else than what was proven for %s", t.Key)
		}
	}
	return nil
}

// An ExistsError says that a file is there already.
type ExistsError struct{ Paths []string }

func (e *ExistsError) Error() string {
	return "there already: " + strings.Join(e.Paths, ", ") + "; nothing was written"
}

// Write writes the files into a folder: all of them, or none where one is there
// already, unless that is allowed.
func (r *Result) Write(dir string, overwrite bool) error {
	var there []string
	for _, f := range r.Files {
		if _, err := os.Lstat(filepath.Join(dir, f.Path)); !errors.Is(err, fs.ErrNotExist) {
			there = append(there, filepath.Join(dir, f.Path))
		}
	}
	if len(there) > 0 && !overwrite {
		return &ExistsError{Paths: there}
	}
	for _, f := range r.Files {
		path := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.Content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
