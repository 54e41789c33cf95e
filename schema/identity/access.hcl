table "sessions" {
  schema  = schema.identity
  comment = "Signed-in browsers and devices."

  column "id" {
    null    = false
    type    = uuid
    default = sql("gen_random_uuid()")
  }
  column "user_id" {
    null = false
    type = uuid
  }
  column "token_hash" {
    null    = false
    type    = bytea
    comment = "SHA-256 of the cookie; the cookie itself is never stored."
  }
  column "ip_address" {
    null = true
    type = inet
  }
  column "user_agent" {
    null = true
    type = text
  }
  column "created_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }
  column "expires_at" {
    null = false
    type = timestamptz
  }

  primary_key {
    columns = [column.id]
  }
  foreign_key "sessions_user_id_fkey" {
    columns     = [column.user_id]
    ref_columns = [table.users.column.id]
    on_delete   = CASCADE
  }
  unique "sessions_token_hash_key" {
    columns = [column.token_hash]
  }
  index "sessions_user_id_expires_at_idx" {
    on {
      column = column.user_id
    }
    on {
      column = column.expires_at
      desc   = true
    }
  }
  index "sessions_expires_at_idx" {
    columns = [column.expires_at]
  }

  check "sessions_expires_at_check" {
    expr = "expires_at > created_at"
  }
  check "sessions_token_hash_check" {
    expr = "octet_length(token_hash) = 32"
  }
}

table "api_keys" {
  schema  = schema.identity
  comment = "Keys with which an organisation's programs call the API."

  column "id" {
    null    = false
    type    = uuid
    default = sql("gen_random_uuid()")
  }
  column "organisation_id" {
    null = false
    type = uuid
  }
  column "created_by" {
    null = false
    type = uuid
  }
  column "name" {
    null = false
    type = text
  }
  column "prefix" {
    null    = false
    type    = character(8)
    comment = "First characters of the key, shown in lists."
  }
  column "key_hash" {
    null = false
    type = bytea
  }
  column "scopes" {
    null    = false
    type    = sql("text[]")
    default = "{}"
  }
  column "rate_limit" {
    null    = false
    type    = integer
    default = 600
    comment = "Requests a minute."
  }
  column "created_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }
  column "last_used_at" {
    null = true
    type = timestamptz
  }
  column "revoked_at" {
    null = true
    type = timestamptz
  }

  primary_key {
    columns = [column.id]
  }
  # A key ends with the membership of the person who made it.
  foreign_key "api_keys_organisation_id_created_by_fkey" {
    columns     = [column.organisation_id, column.created_by]
    ref_columns = [table.memberships.column.organisation_id, table.memberships.column.user_id]
    on_delete   = CASCADE
  }
  unique "api_keys_key_hash_key" {
    columns = [column.key_hash]
  }
  # A name is free again once its key is revoked.
  index "api_keys_organisation_id_name_key" {
    unique  = true
    columns = [column.organisation_id, column.name]
    where   = "(revoked_at IS NULL)"
  }
  index "api_keys_prefix_idx" {
    columns = [column.prefix]
    type    = HASH
  }
  index "api_keys_organisation_id_created_by_idx" {
    columns = [column.organisation_id, column.created_by]
  }

  check "api_keys_rate_limit_check" {
    expr = "(rate_limit >= 1) AND (rate_limit <= 100000)"
  }
  check "api_keys_revoked_at_check" {
    expr = "revoked_at >= created_at"
  }
}
