variable "schema" {
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
