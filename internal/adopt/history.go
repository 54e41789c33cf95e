package adopt

import "context"

// histories reads what migration tools have recorded: in the tenants, in the
// shared services, in public, and in the schema that Atlas makes for it.
func (s *survey) histories(ctx context.Context) error {
	where := []string{"public", "atlas_schema_revisions"}
	for _, sh := range s.out.Shared {
		where = append(where, sh.Schema)
	}
	for _, t := range s.tenants {
		where = append(where, t.Schema)
	}
	found, err := s.db.Histories(ctx, where)
	if err == nil {
		s.out.Histories = append(s.out.Histories, found...)
	}
	return err
}
