package adopt

import (
	"context"
	"fmt"

	"tenantry/schema"
)

// draft writes the definitions of the shared services and of the template.
func (s *survey) draft(ctx context.Context) error {
	var shared []*schema.Blueprint
	for i := range s.out.Shared {
		sh := &s.out.Shared[i]
		d, err := s.draftOne(ctx, sh.Schema, schema.Live{Service: sh.Schema, Schema: sh.Schema, Shared: shared, Taken: s.taken(i)})
		if err != nil {
			return err
		}
		sh.Unsaid, sh.Reprinted = told(d.Unsaid), subjects(d.Reprinted)
		shared = append(shared, d.Blueprint)
	}
	d, err := s.draftOne(ctx, s.out.Template.Schema, schema.Live{Service: s.options.Service, Shared: shared})
	if err != nil {
		return err
	}
	s.out.Unsaid, s.out.Reprinted = told(d.Unsaid), subjects(d.Reprinted)
	return nil
}

func (s *survey) draftOne(ctx context.Context, name string, live schema.Live) (*schema.Draft, error) {
	var err error
	if live.Lines, err = s.linesOf(ctx, name); err != nil {
		return nil, err
	}
	if live.Columns, err = s.db.Columns(ctx, name); err != nil {
		return nil, err
	}
	d, err := s.planner.Draft(ctx, live)
	if err != nil {
		return nil, fmt.Errorf("cannot write down what the schema %s holds: %w", name, err)
	}
	s.drafts = append(s.drafts, d)
	return d, nil
}

// taken returns the lines of the schemas that are defined beside a shared one
// and are not in its sight.
func (s *survey) taken(shared int) (out []schema.Line) {
	for _, later := range s.out.Shared[shared+1:] {
		out = append(out, s.lines[later.Schema]...)
	}
	return append(out, s.lines[s.out.Template.Schema]...)
}

func told(differences []schema.Difference) []string {
	out := []string{}
	for _, d := range differences {
		out = append(out, oneLine(d.String()))
	}
	return out
}

func subjects(differences []schema.Difference) []string {
	out := []string{}
	for _, d := range differences {
		out = append(out, oneLine(d.Line.String()))
	}
	return out
}
