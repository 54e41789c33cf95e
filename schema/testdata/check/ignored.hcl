# What Atlas ignores: without any of the marked lines, it creates the same schema.
charset = "utf8"                                     # ignored

schema "tenant" {
  charset = "utf8"                                   # ignored
}
view "v" { as = "SELECT 1" }                         # ignored
materialized "m" { as = "SELECT 1" }                 # ignored
function "f" { as = "SELECT 1" }                     # ignored
procedure "p" { as = "SELECT 1" }                    # ignored
trigger "t" { on = table.users }                     # ignored
domain "d" { schema = schema.tenant }                # ignored
composite "c" { schema = schema.tenant }             # ignored
range "r" { schema = schema.tenant }                 # ignored
frobnicate "x" {}                                    # ignored

enum "mood" {
  schema  = schema.tenant
  values  = ["good"]
  comment = "How it is."                             # ignored
}
table "users" {
  schema   = schema.tenant
  unlogged = true                                    # ignored
  name     = "people"                                # ignored
  storage_params { fillfactor = 70 }                 # ignored
  exclude "users_excl" { columns = [column.id] }     # ignored
  policy "p" { using = "true" }                      # ignored
  row_security { enabled = true }                    # ignored
  frobnicate {}                                      # ignored

  column "id" {
    type = bigint
    identity {
      start     = 0                                  # ignored
      min_value = 0                                  # ignored
      max_value = 9                                  # ignored
      cache     = 5                                  # ignored
      cycle     = true                               # ignored
    }
    identity { start = 5 }                           # ignored
  }
  column "email" {
    type     = text
    nul      = true                                  # ignored
    for_each = toset(["a", "b"])                     # ignored
    name     = "mail"                                # ignored
    collate  = "C"                                   # ignored
    default "email" { as = "x" }                     # ignored
  }
  column "code" {
    type = varchar
    size = 10                                        # ignored
  }
  column "price" {
    type      = numeric
    precision = 10                                   # ignored
    scale     = 2                                    # ignored
  }
  column "twice" {
    type = bigint
    as {
      expr = "id * 2"
      type = "VIRTUAL"                               # ignored
    }
  }
  primary_key {
    columns    = [column.id]
    comment    = "Who it is."                        # ignored
    deferrable = true                                # ignored
    on { column = column.email }                     # ignored
  }
  primary_key { columns = [column.code] }            # ignored
  foreign_key "users_id_fkey" {
    columns     = [column.id]
    ref_columns = [column.id]
    deferrable  = true                               # ignored
    comment     = "To itself."                       # ignored
  }
  unique "users_email_key" {
    columns    = [column.email]
    deferrable = true                                # ignored
  }
  check "users_email_check" {
    expr       = "email <> ''"
    no_inherit = true                                # ignored
    comment    = "Not empty."                        # ignored
  }
  index "users_email_idx" {
    storage_params { fillfactor = 70 }               # ignored
    on {
      column  = column.email
      collate = "C"                                  # ignored
      comment = "By mail."                           # ignored
    }
  }
}
