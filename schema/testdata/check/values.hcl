variable "a" {
  type    = "string"
  default = "x"
}
locals {
  third = fourth
  fifth = 123456789.123
  sixth = local.fifth
}
schema "tenant" {
  comment = 5
}
enum "mood" {
  schema = schema.tenant
  values = []
}
enum "level" {
  schema = schema.tenant
  values = ["'low'", 1]
}
enum "kind" {
  schema = schema.tenant
  values = "one"
}
table "other" {
  schema = "tenant"
}
table "users" {
  schema  = schema.tenant
  comment = "'quoted'"
  column "id" {
    type    = "bigint"
    null    = "true"
    comment = ""
    identity {
      start     = 0
      increment = 1.5
    }
  }
  column "doubled" {
    type = bigint
    as {
      expr = sql("id * 2")
      type = "VIRTUAL"
    }
  }
  column "pi" {
    type    = numeric
    default = 3.14159265358979
  }
  column "sixth" {
    type    = numeric
    default = local.sixth
  }
  column "quoted" {
    type    = text
    default = "'it'"
  }
  column "tags" {
    type    = sql("text[]")
    default = []
  }
  column "five" {
    type = 5
  }
  index "users_idx" {
    columns = column.id
    type    = 1
  }
  index "users_idx_2" {
    columns = ["id"]
  }
  index "users_idx_3" {
    columns = [table.other.column.id]
  }
  index "users_idx_4" {
    on {
      column = "id"
    }
  }
  foreign_key "users_fkey" {
    columns     = [column.id]
    ref_columns = ["id"]
  }
}
