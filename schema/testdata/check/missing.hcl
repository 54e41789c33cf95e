variable "a" {}

variable "b" {
  type = string
}
variable "c" {
  type = number
}
schema "tenant" {}

enum "mood" {
  schema = schema.tenant
}
table "users" {
  column "id" {}

  index "users_idx" {}

  index "users_idx_2" {
    columns = [column.id]
    on {
      column = column.id
    }
  }
  index "users_idx_3" {
    on {
      desc = true
    }
  }
  check "users_check" {}

  foreign_key "users_fkey" {
    columns = [column.id]
  }
  partition {
    type = HASH
  }
}
