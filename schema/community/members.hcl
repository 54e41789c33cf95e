enum "member_role" {
  schema = schema.tenant
  values = ["owner", "moderator", "member"]
}

table "members" {
  schema  = schema.tenant
  comment = "A person as this community knows them: handle, role, reputation."

  column "id" {
    null = false
    type = bigint
    identity {
      generated = ALWAYS
    }
  }
  column "user_id" {
    null    = false
    type    = uuid
    comment = "The person in identity."
  }
  column "handle" {
    null = false
    type = text
  }
  column "role" {
    null    = false
    type    = enum.member_role
    default = "member"
  }
  column "bio" {
    null = true
    type = text
  }
  column "reputation" {
    null    = false
    type    = integer
    default = 0
  }
  column "joined_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }
  column "muted_until" {
    null = true
    type = timestamptz
  }

  primary_key {
    columns = [column.id]
  }
  foreign_key "members_user_id_fkey" {
    columns     = [column.user_id]
    ref_columns = [table.users.column.id]
    on_delete   = RESTRICT
  }
  unique "members_user_id_key" {
    columns = [column.user_id]
  }
  index "members_handle_key" {
    unique = true
    on {
      expr = "lower(handle)"
    }
  }
  # The most helpful members, read from the index alone.
  index "members_reputation_idx" {
    on {
      column = column.reputation
      desc   = true
    }
    include = [column.handle]
  }

  check "members_handle_check" {
    expr = "handle ~ '^[A-Za-z0-9_]{2,32}$'::text"
  }
  check "members_bio_check" {
    expr = "char_length(bio) <= 2000"
  }
}
