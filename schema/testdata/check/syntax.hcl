schema "tenant" {}

table "users" {
  schema = schema.tenant
  unlogged = true
