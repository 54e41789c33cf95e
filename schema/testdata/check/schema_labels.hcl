variable "schema" {
  type = string
}
variable "replicas" {
  type = number
}
schema "tenant" {
  name = var.schema
}
schema "chem" {
  name = var.schema
}
schema "schema" {}

table "tenant" "users" {
  schema = schema.tenant
  column "id" {
    type = bigint
  }
}
table "posts" {
  schema = schema.tenant
  column "author_id" {
    type = bigint
  }
  foreign_key "posts_author_id_fkey" {
    columns     = [column.author_id]
    ref_columns = [table.tenant.users.column.id]
  }
}
