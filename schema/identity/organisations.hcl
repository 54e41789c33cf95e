table "organisations" {
  schema  = schema.identity
  comment = "Customers: an organisation pays for one or more tenants."

  column "id" {
    null    = false
    type    = uuid
    default = sql("gen_random_uuid()")
  }
  column "slug" {
    null = false
    type = text
  }
  column "name" {
    null = false
    type = text
  }
  column "domains" {
    null    = false
    type    = sql("text[]")
    default = "{}"
    comment = "Mail domains whose people may join by themselves."
  }
  column "created_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }

  primary_key {
    columns = [column.id]
  }
  unique "organisations_slug_key" {
    columns = [column.slug]
  }
  index "organisations_domains_idx" {
    columns = [column.domains]
    type    = GIN
  }

  check "organisations_slug_check" {
    expr = "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text"
  }
  check "organisations_name_check" {
    expr = "char_length(name) <= 200"
  }
}

table "memberships" {
  schema  = schema.identity
  comment = "Which person belongs to which organisation, and as what."

  column "organisation_id" {
    null = false
    type = uuid
  }
  column "user_id" {
    null = false
    type = uuid
  }
  column "role" {
    null    = false
    type    = enum.organisation_role
    default = "member"
  }
  column "invited_by" {
    null = true
    type = uuid
  }
  column "joined_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }

  primary_key {
    columns = [column.organisation_id, column.user_id]
  }
  foreign_key "memberships_organisation_id_fkey" {
    columns     = [column.organisation_id]
    ref_columns = [table.organisations.column.id]
    on_delete   = CASCADE
  }
  foreign_key "memberships_user_id_fkey" {
    columns     = [column.user_id]
    ref_columns = [table.users.column.id]
    on_delete   = CASCADE
  }
  foreign_key "memberships_invited_by_fkey" {
    columns     = [column.invited_by]
    ref_columns = [table.users.column.id]
    on_delete   = SET_NULL
  }
  index "memberships_user_id_idx" {
    columns = [column.user_id]
    include = [column.role]
  }
  index "memberships_invited_by_idx" {
    columns = [column.invited_by]
    where   = "(invited_by IS NOT NULL)"
  }

  check "memberships_invited_by_check" {
    expr = "invited_by <> user_id"
  }
}
