package reconcile_test

// product is a small product: a shared service that tenants refer to, and two
// services of theirs.
func product() map[string]string {
	return map[string]string{
		"atlas.hcl": `
env "people" {
  src = ["file://people.hcl"]
}
env "app" {
  src = ["file://people.hcl", "file://tenant.hcl", "file://app.hcl"]
}
env "shop" {
  src = ["file://people.hcl", "file://tenant.hcl", "file://shop.hcl"]
}
`,
		"people.hcl": `
schema "people" {}
table "people" {
  schema = schema.people
  column "id" {
    type = bigint
  }
  primary_key {
    columns = [column.id]
  }
}
`,
		"tenant.hcl": head,
		"app.hcl":    app(""),
		"shop.hcl": `
enum "state" {
  schema = schema.tenant
  values = ["open", "paid"]
}
table "orders" {
  schema = schema.tenant
  column "id" {
    type = bigint
  }
  column "state" {
    type    = enum.state
    default = "open"
  }
  primary_key {
    columns = [column.id]
  }
}
`,
		"tenants.yaml": `
shared: [people]
defaults: {services: [app, shop]}
tenants:
  - acme
  - globex
  - {id: initech, services: [app]}
`,
	}
}

// app is the service app, with more columns of its table users.
func app(more string) string {
	return `
table "users" {
  schema = schema.tenant
  column "id" {
    type = bigint
  }
  column "person" {
    null = true
    type = bigint
  }
  column "email" {
    type = text
  }
` + more + `
  primary_key {
    columns = [column.id]
  }
  foreign_key "person" {
    columns     = [column.person]
    ref_columns = [table.people.column.id]
  }
  index "users_email_idx" {
    columns = [column.email]
  }
}
`
}

const (
	age  = "  column \"age\" {\n    null = true\n    type = int\n  }\n"
	size = "  column \"size\" {\n    type = int\n  }\n"
)
