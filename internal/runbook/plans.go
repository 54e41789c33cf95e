package runbook

import (
	"bytes"
	"net/http"
	"slices"
	"sync"

	"tenantry/internal/loop"
	"tenantry/internal/report"
	"tenantry/reconcile"
)

// keptPlans is how many plans are kept for who may apply them.
const keptPlans = 32

// planShelf keeps the plans that were made last. One that is not there can be
// made again: it has the same id, if nothing has moved.
type planShelf struct {
	mu    sync.Mutex
	plans []*reconcile.Plan
}

func (p *planShelf) put(plan *reconcile.Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plans = slices.DeleteFunc(p.plans, func(old *reconcile.Plan) bool { return old.ID == plan.ID })
	if len(p.plans) == keptPlans {
		p.plans = slices.Delete(p.plans, 0, 1)
	}
	p.plans = append(p.plans, plan)
}

func (p *planShelf) get(id string) *reconcile.Plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, plan := range p.plans {
		if plan.ID == id {
			return plan
		}
	}
	return nil
}

// PlanWish is what to plan.
type PlanWish struct {
	Tenants     []string `json:"tenants"` // only these; all where there are none
	Destructive bool     `json:"destructive"`
	Adopt       bool     `json:"adopt"`
}

// createPlan plans, and changes nothing.
func (s *Server) createPlan(w http.ResponseWriter, r *http.Request) error {
	var wish PlanWish
	if err := body(r, &wish); err != nil {
		return err
	}
	world := s.Fleet.Observation().World
	if world == nil {
		return loop.ErrNotReady
	}
	for _, id := range wish.Tenants {
		if _, err := desiredOf(world, id); err != nil {
			return err
		}
	}
	return s.plan(w, r, world, world.Desired.Only(wish.Tenants), reconcile.Allowed{Destructive: wish.Destructive, Adopt: wish.Adopt}, http.StatusCreated)
}

// plan plans, keeps the plan, and answers with it.
func (s *Server) plan(w http.ResponseWriter, r *http.Request, world *loop.World, desired *reconcile.Desired, allowed reconcile.Allowed, status int) error {
	ctx, done, err := s.looks(r)
	if err != nil {
		return err
	}
	defer done()
	planner := *world.Planner
	planner.AllowDestructive = planner.AllowDestructive || allowed.Destructive
	planner.Adopt = planner.Adopt || allowed.Adopt
	plan, err := planner.Plan(ctx, desired)
	if err != nil {
		return err
	}
	if status == http.StatusCreated {
		s.plans.put(plan)
		w.Header().Set("Location", s.Prefix+"/api/v1/plans/"+plan.ID)
	}
	return s.answerPlan(w, status, &reconcile.Report{Plan: plan, Started: s.Now()})
}

// answerPlan answers with a plan, or what came of it, as the command writes it.
func (s *Server) answerPlan(w http.ResponseWriter, status int, r *reconcile.Report) error {
	var document bytes.Buffer
	if err := report.JSON(&document, r); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(document.Bytes()) // whoever went away hears nothing of it
	return nil
}

func (s *Server) getPlan(w http.ResponseWriter, r *http.Request) error {
	plan := s.plans.get(r.PathValue("id"))
	if plan == nil {
		return problemf(http.StatusNotFound, codeNotFound, "no such plan is kept here: the last %d are; plan again", keptPlans)
	}
	return s.answerPlan(w, http.StatusOK, &reconcile.Report{Plan: plan, Started: s.Now()})
}

// applyPlan applies a plan that was made before, if nothing has moved since.
func (s *Server) applyPlan(w http.ResponseWriter, r *http.Request) error {
	if err := body(r, &struct{}{}); err != nil {
		return err
	}
	plan := s.plans.get(r.PathValue("id"))
	if plan == nil {
		return problemf(http.StatusNotFound, codeNotFound, "no such plan is kept here: the last %d are; plan again", keptPlans)
	}
	ask := loop.Ask{By: CallerOf(r.Context()).Name, Saved: plan, Allowed: plan.Allowed}
	if plan.Partial {
		ask.Tenants = tenantsOf(plan)
	}
	return s.run(w, r, ask)
}

// tenantsOf returns the tenants that a plan is about.
func tenantsOf(plan *reconcile.Plan) []string {
	var ids []string
	for _, t := range plan.Targets {
		if !t.Shared && !slices.Contains(ids, t.Tenant) {
			ids = append(ids, t.Tenant)
		}
	}
	return ids
}
