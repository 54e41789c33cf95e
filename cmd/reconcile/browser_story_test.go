package main

import (
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"tenantry/internal/pgtest"
)

// A person with a browser provisions a tenant, sees it, finds what somebody broke
// by hand, heals it, suspends it and retires it; behind a proxy's prefix, after a
// login, and with pages that axe-core has nothing to say about.
func TestTheRunbookInABrowser(t *testing.T) {
	t.Parallel()
	dir, token := t.TempDir(), newSecret()+newSecret()
	folder{t, dir}.write("tenants.yaml", "policy: {drift: report}\ntenants:\n  - acme\n  - {id: globex, name: Globex Corporation, labels: {plan: gold}}\n")
	folder{t, dir}.write("app.hcl", storyHCL)
	folder{t, dir}.write("tokens", "operator ann "+token+"\n")
	if err := copyWorld(dir); err != nil {
		t.Fatal(err)
	}
	s := serveFolder(t, dir, pgtest.URL(t), "--prefix", "/ops", "--tokens", filepath.Join(dir, "tokens"), "--resync", "1s")
	s.token = token
	b := openBrowser(t)

	b.visit(s.base + "/tenants/acme")
	b.accessible("login")
	b.do("logging in", chromedp.SendKeys("#token", token+"\r"))
	b.until("the fleet", `document.querySelector("h1")?.innerText == "Fleet" && document.readyState == "complete"`)
	b.shows("2 tenants")

	b.leads("Provision a tenant")
	b.accessible("provision-form")
	b.do("filling in the form", chromedp.SendKeys("#id", "initech"), chromedp.SendKeys("#name", "Initech"), chromedp.SendKeys("#labels", "plan=silver"))
	b.leads("Show the SQL")
	b.shows(`CREATE TABLE "tenant_initech"."orders" (`)
	if s.tenant("initech")["id"] != nil {
		t.Error("it is there before anybody said so")
	}
	b.accessible("provision-sql")
	b.leads("Provision initech")
	b.shows("in sync")
	b.until("the diagram", `document.querySelectorAll(".diagram .box").length == 2 && document.querySelector(".diagram .line")`)
	b.accessible("tenant")
	b.fits("tenant")

	// The page is open while somebody breaks the tenant, and shows it by itself.
	s.sql("ALTER TABLE tenant_initech.users DROP COLUMN email; ALTER TABLE tenant_initech.orders ADD COLUMN hotfix text")
	b.shows("drifted")
	b.shows("column users.email")
	b.accessible("tenant-drifted")
	b.visit(s.base + "/")
	b.shows("They are not as they were left.")
	b.accessible("fleet")
	b.fits("fleet")
	b.leads("initech")
	b.press("Heal, and destroy data…")
	b.do("the consent is there to be seen", chromedp.WaitVisible(`#destroy form`))
	b.accessible("consent")
	b.leads("Heal, and destroy data")
	b.shows("done")
	b.accessible("run")
	b.fits("run")
	b.leads("initech")
	b.shows("in sync")

	b.leads("Suspend")
	b.shows("done")
	b.leads("initech")
	b.shows("suspended")
	b.press("Retire…")
	b.leads("Retire initech")
	b.shows("done")
	b.leads("initech")
	b.shows("retired")
	b.accessible("tenant-retired")

	for _, page := range []string{"runs", "plan", "loop", "audit", "nowhere"} {
		b.visit(s.base + "/" + page)
		b.accessible(page)
		b.fits(page)
	}
	b.visit(s.base + "/plan")
	b.leads("Plan")
	b.shows("There is nothing to do.")
	b.accessible("planned")
	for _, trouble := range b.trouble {
		t.Errorf("a page's script, or its policy: %s", trouble)
	}
}

// storyHCL has something to draw.
const storyHCL = `variable "schema" {
  type    = string
  default = "tenant"
}

schema "tenant" {
  name = var.schema
}

table "users" {
  schema = schema.tenant
  column "id" {
    null = false
    type = bigint
  }
  column "email" {
    null = false
    type = text
  }
  primary_key {
    columns = [column.id]
  }
}

table "orders" {
  schema = schema.tenant
  column "id" {
    null = false
    type = bigint
  }
  column "user_id" {
    null = false
    type = bigint
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "orders_user_id_fkey" {
    columns     = [column.user_id]
    ref_columns = [table.users.column.id]
  }
}
`
