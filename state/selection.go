package state

import (
	"slices"

	"tenantry/internal/diag"
)

// Select returns the targets of the shared services and, in order, those of the
// tenants that have one of the ids (or any, where there are none), carry all
// labels of the selectors, and are not excluded. An id that no tenant has is an
// error, a diag.List.
func Select(targets []Target, ids, excludes []string, selectors map[string]string) ([]Target, error) {
	if err := checkIDs(targets, slices.Concat(ids, excludes)); err != nil {
		return nil, err
	}
	wanted, unwanted := set(ids), set(excludes)
	var selected []Target
	for _, t := range targets {
		if t.Shared() || (len(ids) == 0 || wanted[t.Tenant]) && !unwanted[t.Tenant] && carries(t.Labels, selectors) {
			selected = append(selected, t)
		}
	}
	return selected, nil
}

// checkIDs returns an error that names the ids that no target has.
func checkIDs(targets []Target, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	known := make(map[string]bool, len(targets))
	names := make([]string, 0, len(targets))
	for _, t := range targets {
		if !t.Shared() && !known[t.Tenant] {
			known[t.Tenant] = true
			names = append(names, t.Tenant)
		}
	}
	var p problems
	for _, id := range ids {
		if known[id] {
			continue
		}
		p.errorf(diag.Pos{}, CodeUnknownTenant, "there is no tenant %s", quote(id))
		p.suggest(id, names)
	}
	return p.err()
}

// set returns the words as a set.
func set(words []string) map[string]bool {
	s := make(map[string]bool, len(words))
	for _, w := range words {
		s[w] = true
	}
	return s
}

// carries reports whether labels has all of wanted.
func carries(labels, wanted map[string]string) bool {
	for k, v := range wanted {
		if have, ok := labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}
