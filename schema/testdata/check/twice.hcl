locals {
  a = 1
}
locals {
  a = 2
}
variable "same" {
  type    = string
  default = "x"
}
variable "same" {
  type    = string
  default = "x"
}
variable "region" {
  type    = string
  default = "eu"
}
variable "region" {
  type    = string
  default = "us"
}
schema "tenant" {}

schema "identity" {}

schema "tenant" {}

enum "mood" {
  schema = schema.tenant
  values = ["good"]
}
enum "mood" {
  schema = schema.identity
  values = ["good"]
}
table "users" {
  schema = schema.tenant
  column "id" {
    type = bigint
  }
  column "id" {
    type = text
  }
  index "users_idx" {
    columns = [column.id]
  }
  index "users_idx" {
    columns = [column.id]
  }
}
table "users" {
  schema = schema.tenant
}
table "users" {
  schema = schema.identity
  column "id" {
    type = bigint
  }
}
table "tenant" "posts" {
  schema = schema.tenant
  column "author_id" {
    type = bigint
  }
  foreign_key "posts_author_id_fkey" {
    columns     = [column.author_id]
    ref_columns = [table.users.column.id]
  }
}
