package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"tenantry/internal/pgtest"
	"tenantry/reconcile"
	"tenantry/schema"
	"tenantry/state"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestZZ(t *testing.T) {
	ctx := context.Background()
	url := pgtest.URL(t)
	db, err := Open(ctx, "main", url, 5)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	file, err := state.Load("../../examples/tenants.yaml", state.Options{LookupEnv: os.LookupEnv})
	if err != nil {
		t.Fatal(err)
	}
	project, err := schema.LoadProject("../../atlas.hcl", os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	desired, err := reconcile.Resolve(file, file.Targets(), project)
	if err != nil {
		t.Fatal(err)
	}
	p := &reconcile.Planner{Engine: schema.Native{}, Databases: map[string]reconcile.Database{"main": db}, ToolVersion: "x",
		Workbench: func(ctx context.Context, d reconcile.Database, dev string) (schema.Workbench, error) { return d.Workbench(ctx) },
		Nonce:     func() string { b := make([]byte, 6); rand.Read(b); return hex.EncodeToString(b) }}
	for i := range 3 {
		st := time.Now()
		plan, err := p.Plan(ctx, desired)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("plan", time.Since(st))
		b, _ := json.MarshalIndent(plan.Summary, "", " ")
		fmt.Println(string(b))
		a := &reconcile.Applier{Databases: p.Databases, Engine: p.Engine.Version(), Parallelism: 4, LockTimeout: 3 * time.Second, MaxFailures: 5, Now: time.Now, Destructive: "deny"}
		st = time.Now()
		r, err := a.Apply(ctx, plan, reconcile.Run{ID: fmt.Sprint(i), Started: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("apply", time.Since(st), r.Count(reconcile.ResultApplied))
		for _, tt := range plan.Targets { for _, d := range tt.Diagnostics { fmt.Println(d.Message) } }
		for i, o := range r.Outcomes {
			if o.Error != "" {
				fmt.Println(plan.Targets[i].Tenant, o.Result, o.Error)
			}
		}
	}
}
