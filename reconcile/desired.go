package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tenantry/internal/diag"
	"tenantry/schema"
	"tenantry/state"
)

// A Key names one live schema.
type Key struct {
	Database string // the name that tenants.yaml gives it
	Schema   string
}

// String returns "database.schema".
func (k Key) String() string { return k.Database + "." + k.Schema }

// A Target is one live schema as it should be.
type Target struct {
	Key
	Tenant    string // the tenant's id, or the name of a shared service
	Shared    bool
	Blueprint *schema.Blueprint
	Wave      int      // targets of a lower wave go first; shared services are wave -1
	Source    diag.Pos // where it is asked for

	state.Grants // who may use it
	state.Life
	Former string            // the schema that it had as Was, or ""
	Name   string            // what people call the tenant, or ""
	Labels map[string]string // of the tenant
}

// Desired is what the files say.
type Desired struct {
	Targets  []Target // shared services first, then tenants in the order of the file
	Policy   state.Policy
	Waves    []state.Wave            // what the file says of each wave
	Limits   map[string]state.Limits // of databases that have their own
	Citus    map[string]bool         // the databases of Citus
	Revision string                  // the git commit of the files, or ""
	Digest   string                  // "sha256:…" of everything that Targets says
	Partial  bool                    // only some of the tenants were asked for
	Shard    string                  // the share of the tenants that was asked for, as k/n, or ""
	Awaited  []Target                // shared services that another share's run brings about
	Adopt    bool                    // schemas that were never managed are taken over, whatever the file says
	Repair   bool                    // files that were changed after they were applied count as applied as they are now
}

// Blueprints returns the distinct blueprints, shared services' first, each with
// the databases that need it.
func (d *Desired) Blueprints(database string) []*schema.Blueprint {
	var out []*schema.Blueprint
	seen := make(map[string]bool)
	for _, t := range d.Targets {
		if t.Database == database && !seen[t.Blueprint.Digest] {
			seen[t.Blueprint.Digest] = true
			out = append(out, t.Blueprint)
		}
	}
	return out
}

// Check checks the definitions without a database, as compiling does with one.
// Of blueprints that differ in their variables alone it takes one, as a fleet
// may have one for each tenant. An error is a diag.List.
func (d *Desired) Check() error {
	var diags diag.List
	seen := make(map[string]bool)
	for _, name := range d.Databases() {
		for _, b := range d.Blueprints(name) {
			key := b.Schema + "\n" + strings.Join(b.Files(), "\n")
			if seen[key] {
				continue
			}
			seen[key] = true
			if list, ok := errors.AsType[diag.List](b.Check()); ok {
				diags = append(diags, list...)
			}
		}
	}
	if !diags.HasErrors() {
		diags = append(diags, d.CheckCitus()...)
	}
	return diags.Err()
}

// Databases returns the names of the databases that have targets, sorted.
func (d *Desired) Databases() []string {
	names := make(map[string]bool)
	for _, t := range d.Targets {
		names[t.Database] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// Resolve joins the tenants' file, or the targets selected of it, with the
// project's services. An error is a diag.List.
func Resolve(file *state.File, targets []state.Target, project *schema.Project) (*Desired, error) {
	r := resolver{file: file, project: project, blueprints: make(map[string]*schema.Blueprint)}
	for _, service := range file.Shared {
		b, err := project.SharedBlueprint(service, r.shared, file.ServicePos(service))
		r.add(err)
		if err == nil {
			r.shared = append(r.shared, b)
		}
	}
	d := &Desired{Policy: file.Policy, Waves: file.Rollout, Partial: len(targets) < len(file.Targets())}
	for _, db := range file.Places() {
		if db.Citus.Distributed {
			if d.Citus == nil {
				d.Citus = make(map[string]bool)
			}
			d.Citus[db.Name] = true
		}
		if db.Limits != (state.Limits{}) {
			if d.Limits == nil {
				d.Limits = make(map[string]state.Limits)
			}
			d.Limits[db.Name] = db.Limits
		}
	}
	waves := wavesOf(file, targets)
	for i, t := range targets {
		b := r.blueprint(t)
		if b == nil {
			continue
		}
		name := t.Tenant
		if t.Shared() {
			name = t.Service
		}
		d.Targets = append(d.Targets, Target{
			Key: Key{Database: t.Database, Schema: t.Schema}, Tenant: name, Shared: t.Shared(),
			Blueprint: b, Wave: waves[i], Source: t.Pos, Grants: t.Grants, Life: t.Life, Former: t.Former, Name: t.Name, Labels: t.Labels,
		})
	}
	if r.diags.HasErrors() {
		return nil, r.diags.Err()
	}
	d.Digest = d.digest()
	return d, nil
}

func (d *Desired) digest() string {
	h := sha256.New()
	for _, t := range d.Targets {
		fmt.Fprintf(h, "%q %q %q %d %s\n", t.Database, t.Schema, t.Tenant, t.Wave, t.Blueprint.Digest)
		if life := t.life(); life != "" {
			fmt.Fprintf(h, "%s\n", life)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// life spells out what the target's life is to be, "" for that of most.
func (t *Target) life() string {
	if t.Life == (state.Life{}) && t.Name == "" && len(t.Labels) == 0 && !t.Managed() {
		return ""
	}
	protected := ""
	if t.Protected != nil {
		protected = fmt.Sprint(*t.Protected)
	}
	grants := ""
	if t.Managed() {
		grants = wantedOf(t).digest()
	}
	role := state.Role{}
	if t.Role != nil {
		role = *t.Role
	}
	moved := ""
	if t.Moved {
		moved = " moved"
	}
	return fmt.Sprintf("%q %q %q %v %v %q %q %s %q%s", t.State, protected, t.Was, t.Forget, t.Adopt, t.Name, labelsJSON(t.Labels), grants, role, moved)
}

// labelsJSON writes labels in the one form that they are recorded in.
func labelsJSON(labels map[string]string) string {
	if len(labels) == 0 {
		return "{}"
	}
	text, err := json.Marshal(labels) // sorted by key
	if err != nil {
		panic("reconcile: labels do not marshal: " + err.Error()) // they are texts
	}
	return string(text)
}

// resolver reads each blueprint once, however many targets it has.
type resolver struct {
	file       *state.File
	project    *schema.Project
	shared     []*schema.Blueprint
	blueprints map[string]*schema.Blueprint // nil where it cannot be used
	diags      diag.List
}

func (r *resolver) add(err error) {
	if list, ok := err.(diag.List); ok {
		r.diags = append(r.diags, list...)
	} else if err != nil {
		r.diags.Errorf(diag.Pos{File: r.project.Path}, "unusable", "%s", err)
	}
}

func (r *resolver) blueprint(t state.Target) *schema.Blueprint {
	if t.Shared() {
		for _, b := range r.shared {
			if b.Schema == t.Service {
				return b
			}
		}
		return nil
	}
	var key strings.Builder
	fmt.Fprintf(&key, "%q", t.Services)
	for _, name := range slices.Sorted(maps.Keys(t.Vars)) {
		fmt.Fprintf(&key, " %q=%q", name, t.Vars[name])
	}
	if b, ok := r.blueprints[key.String()]; ok {
		return b
	}
	at := t.Pos
	for _, service := range t.Services {
		if _, ok := r.project.Service(service); !ok {
			at = r.file.ServicePos(service)
		}
	}
	b, err := r.project.Blueprint(t.Services, r.shared, t.Vars, at)
	if err != nil {
		r.add(err)
		b = nil
	}
	r.blueprints[key.String()] = b
	return b
}

// wavesOf returns the wave of each target: that of its tenant, which is the first
// of the file's rollout that takes it, in the order of the file, whoever was
// selected. Who is left goes last, and shared services go before all.
func wavesOf(file *state.File, targets []state.Target) []int {
	of := make(map[string]int, len(file.Tenants))
	for w, wave := range file.Rollout {
		counted := 0
		for _, t := range file.Tenants {
			if _, taken := of[t.ID]; taken {
				continue
			}
			byLabel := len(wave.Match) > 0 && matches(t.Labels, wave.Match)
			byPercent := wave.Percent > 0 && len(of)*100 < wave.Percent*len(file.Tenants)
			if byLabel || byPercent || counted < wave.Count {
				of[t.ID] = w
				counted++
			}
		}
	}
	waves := make([]int, len(targets))
	for i, t := range targets {
		w, taken := of[t.Tenant]
		switch {
		case t.Shared():
			w = -1
		case !taken:
			w = len(file.Rollout)
		}
		waves[i] = w
	}
	return waves
}

func matches(labels, wanted map[string]string) bool {
	for k, v := range wanted {
		if labels[k] != v {
			return false
		}
	}
	return true
}
