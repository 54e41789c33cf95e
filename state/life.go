package state

import (
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"tenantry/internal/diag"
)

// TenantState is what is to become of a tenant.
type TenantState string

const (
	Active    TenantState = "active"    // it is kept equal to its definition
	Suspended TenantState = "suspended" // it is closed for now, and keeps its data
	Retired   TenantState = "retired"   // it is to go, and its data with it when its time is over
)

// state reads a tenant's state; "" is Active.
func (r *reader) state(n *yaml.Node) TenantState {
	s, ok := r.oneOf(n, `"state"`, string(Active), string(Suspended), string(Retired))
	if !ok || s == string(Active) {
		return ""
	}
	return TenantState(s)
}

// protected reads whether a tenant is protected, which is not the same as
// saying nothing.
func (r *reader) protected(n *yaml.Node) *bool {
	yes, ok := r.boolean(n, `"protected"`)
	if !ok {
		return nil
	}
	return &yes
}

// former is a tenant that had another id, and where the file says so.
type former struct {
	tenant *Tenant
	pos    diag.Pos
}

// checkFormer makes sure that no tenant takes the place of another in the file,
// and no two the same one.
func (r *reader) checkFormer(ids map[string]diag.Pos) {
	taken := make(map[string]diag.Pos, len(r.former))
	for _, f := range r.former {
		was := f.tenant.Was
		if was == "" {
			continue // it was refused
		}
		if at, still := ids[was]; still {
			r.errorf(f.pos, CodeFormerTaken, "the tenant %s was %s, which is in the file as well", quote(f.tenant.ID), quote(was))
			r.hintf("also at %s", at)
		}
		if at, twice := taken[was]; twice {
			r.errorf(f.pos, CodeFormerTaken, "two tenants were %s", quote(was))
			r.hintf("also at %s", at)
		}
		taken[was] = f.pos
	}
}

// maxKept bounds how long what is retired is kept.
const maxKept = 3650 * 24 * time.Hour

// days reads a time that is long: 30d, or a duration.
func (r *reader) days(n *yaml.Node, what string) time.Duration {
	s, ok := r.value(n, what)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(s)
	if number, of := strings.CutSuffix(s, "d"); of {
		var days int
		if days, err = strconv.Atoi(number); err == nil && days >= 0 && days <= 3650 {
			return time.Duration(days) * 24 * time.Hour
		} else if err == nil {
			d = maxKept + 1
		}
	}
	switch {
	case err != nil:
		r.errorf(r.pos(n), CodeInvalidDuration, "%s is not a duration", quote(s))
		r.hintf("such as 30d, 12h or 0d")
	case d < 0 || d > maxKept:
		r.errorf(r.pos(n), CodeInvalidDuration, "%s must be 0d to 3650d", what)
	default:
		return d
	}
	return 0
}

// inDays writes a time as days reads it.
func inDays(d time.Duration) string {
	if day := 24 * time.Hour; d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	return d.String()
}
