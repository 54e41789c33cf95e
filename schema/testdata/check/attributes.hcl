charset = "utf8"

schema "tenant" {
  nmae = "t"
}
table "users" {
  schema   = schema.tenant
  unlogged = true
  for_each = toset(["a", "b"])
  column "id" {
    type = bigint
    identity {
      generated = ALWAYS
      cache     = 20
    }
  }
  column "email" {
    type    = text
    nul     = true
    collate = "C"
  }
  column "code" {
    type = varchar
    size = 10
  }
  index "users_email_idx" {
    on {
      column  = column.email
      collate = "C"
    }
    storage_params {
      fillfactor = 70
    }
  }
  unique "users_email_key" {
    columns    = [column.email]
    deferrable = true
  }
  foreign_key "users_id_fkey" {
    columns     = [column.id]
    ref_columns = [column.id]
    deferrable  = INITIALLY_DEFERRED
    frobnicate  = true
  }
  check "users_email_check" {
    expr       = "email <> ''"
    no_inherit = true
  }
}
