package reconcile

import "slices"

// Only returns what is desired of some tenants, and of the shared services that
// they build on; d itself where there are no ids.
func (d *Desired) Only(ids []string) *Desired {
	if len(ids) == 0 {
		return d
	}
	inhabited := make(map[string]bool)
	for _, t := range d.Targets {
		if !t.Shared && slices.Contains(ids, t.Tenant) {
			inhabited[t.Database] = true
		}
	}
	only := *d
	only.Targets, only.Partial = nil, true
	for _, t := range d.Targets {
		if t.Shared && inhabited[t.Database] || !t.Shared && slices.Contains(ids, t.Tenant) {
			only.Targets = append(only.Targets, t)
		}
	}
	only.Digest = only.digest()
	return &only
}
