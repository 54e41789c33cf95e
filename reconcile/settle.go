package reconcile

import (
	"context"

	"tenantry/schema"
)

// settle has the engine evaluate what it alone can: until then nobody knows what
// those blueprints are, and so whether they have changed.
func (p *Planner) settle(ctx context.Context, desired *Desired) error {
	settled := false
	for _, name := range desired.Databases() {
		d := p.of(desired, p.Databases[name])
		d.planners = make(map[string]*schema.Planner)
		for _, b := range desired.Blueprints(name) {
			if !b.Unsettled() {
				continue
			}
			if d.db.Connect(ctx) != nil {
				break // which its targets will be told
			}
			d.report(Event{Phase: PhaseCompiling})
			if err := d.planner(b).Settle(ctx, b); err != nil {
				return err
			}
			settled = true
		}
	}
	if settled {
		desired.Digest = desired.digest()
	}
	return nil
}
