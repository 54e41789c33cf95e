# Identity: who people are. One schema, shared by all tenants of a database.

schema "identity" {}

enum "organisation_role" {
  schema = schema.identity
  values = ["owner", "admin", "member", "guest"]
}
