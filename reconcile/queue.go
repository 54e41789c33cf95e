package reconcile

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// queue is the targets of a wave that are still to be done in a database. Other
// runs may be at work on the same ones. When one is met, what the others have done
// is looked up for all that is left at once, and not found out target by target;
// and the rest is put in another order, so that two runs do not go side by side
// down the same list.
type queue struct {
	mu     sync.Mutex
	items  []item
	met    int       // how often another run has been met, between readings of the records
	looked time.Time // when the records were last read
}

// turn puts the rest in another order. Two runs do best where one comes from the end:
// a toss says which, and says it anew where both do the same. Where that does not part
// them, they are more than two, and any order is as good as another.
func (q *queue) turn() {
	q.met++
	switch {
	case q.met <= tosses && rand.N(2) == 0:
		slices.Reverse(q.items)
	case q.met == tosses+1:
		rand.Shuffle(len(q.items), func(i, j int) { q.items[i], q.items[j] = q.items[j], q.items[i] })
	}
}

const tosses = 3

// lookAgain is the least time between two readings of the records.
const lookAgain = 200 * time.Millisecond

func (q *queue) take() (item, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return item{}, false
	}
	it := q.items[0]
	q.items = q.items[1:]
	return it, true
}

// back puts a target behind the others. Whoever does that takes on.
func (q *queue) back(it item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.items, it)
}

// left returns what to look up, or nil where that was done a moment ago or pays
// no more.
func (q *queue) left(now time.Time) []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 || now.Sub(q.looked) < lookAgain {
		return nil
	}
	q.looked = now
	q.turn()
	return slices.Clone(q.items)
}

// drop takes targets out of the queue, those of them that are still there.
func (q *queue) drop(done map[int]bool) (dropped []int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = slices.DeleteFunc(q.items, func(it item) bool {
		if done[it.index] {
			dropped = append(dropped, it.index)
		}
		return done[it.index]
	})
	return dropped
}

// meet is called when another run was met: what it and others have done of what is
// left needs no doing.
func (a *applying) meet(ctx context.Context, p *part, q *queue) {
	left := q.left(a.Now())
	byTenant := make(map[string][]int)
	var tenants []string
	for _, it := range left {
		if t := &a.plan.Targets[it.index]; !t.Shared && (t.Action == ActionCreate || t.Action == ActionChange) {
			tenants = append(tenants, t.Tenant)
			byTenant[t.Tenant] = append(byTenant[t.Tenant], it.index)
		}
	}
	if len(tenants) == 0 {
		return
	}
	records, err := p.db.RecordsOf(ctx, tenants)
	if err != nil {
		return // the targets themselves will say what is wrong
	}
	done := make(map[int]bool)
	for i := range records {
		for _, index := range byTenant[records[i].Tenant] {
			if a.doneBy(&records[i], index) {
				done[index] = true
			}
		}
	}
	for _, index := range q.drop(done) {
		a.finish(index, Outcome{Result: ResultUnchanged})
	}
}

// doneBy reports whether the record is another run's, of the very thing that is to
// be done: it was written in the transaction that did it.
func (a *applying) doneBy(r *Record, index int) bool {
	t := &a.plan.Targets[index]
	x := t.next
	x.Schema = t.Names().Schema
	x.Fingerprint, x.Token, x.RunID, x.AppliedAt, x.AttemptedAt = r.Fingerprint, r.Token, r.RunID, r.AppliedAt, r.AttemptedAt
	return x == *r && r.RunID != a.run.ID && r.Fingerprint.String() == a.steps[t.Step].To
}
