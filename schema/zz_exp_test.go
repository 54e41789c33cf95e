package schema

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/zclconf/go-cty/cty"
)

func TestZZExp(t *testing.T) {
	data, _ := os.ReadFile("/tmp/exp/cases.txt")
	for _, c := range strings.Split(string(data), "\n====\n") {
		func() {
			defer func() {
				if r := recover(); r != nil {
					fmt.Println("PANIC", r)
				}
			}()
			fmt.Println("-----------\n" + c + "\n>>>")
			p := hclparse.NewParser()
			if _, d := p.ParseHCL([]byte(c), "a.hcl"); d.HasErrors() {
				fmt.Println(d)
				return
			}
			r := &atlas.Realm{}
			if err := postgres.EvalHCL.Eval(p, r, map[string]cty.Value{"schema": cty.StringVal("scratch")}); err != nil {
				fmt.Println("EVAL", err)
				return
			}
			ch, err := postgres.DefaultDiff.RealmDiff(atlas.NewRealm(), r)
			if err != nil {
				fmt.Println("DIFF", err)
				return
			}
			plan, err := postgres.DefaultPlan.PlanChanges(context.Background(), "x", ch)
			if err != nil {
				fmt.Println("PLAN", err)
				return
			}
			for _, c := range plan.Changes {
				fmt.Println(c.Cmd)
			}
		}()
	}
}
