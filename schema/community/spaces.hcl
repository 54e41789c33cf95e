enum "space_visibility" {
  schema = schema.tenant
  values = ["public", "members", "private"]
}

table "spaces" {
  schema  = schema.tenant
  comment = "Rooms of the community, each with its own posts; spaces may nest."

  column "id" {
    null = false
    type = bigint
    identity {
      generated = ALWAYS
    }
  }
  column "parent_id" {
    null = true
    type = bigint
  }
  column "slug" {
    null = false
    type = text
  }
  column "name" {
    null = false
    type = text
  }
  column "description" {
    null    = false
    type    = text
    default = ""
  }
  column "visibility" {
    null    = false
    type    = enum.space_visibility
    default = "members"
  }
  column "settings" {
    null    = false
    type    = jsonb
    default = "{}"
    comment = "What moderators may switch: reactions, anonymous posts, post templates."
  }
  column "position" {
    null    = false
    type    = integer
    default = 0
  }
  column "created_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }
  column "archived_at" {
    null = true
    type = timestamptz
  }

  primary_key {
    columns = [column.id]
  }
  foreign_key "spaces_parent_id_fkey" {
    columns     = [column.parent_id]
    ref_columns = [column.id]
    on_delete   = SET_NULL
  }
  unique "spaces_slug_key" {
    columns = [column.slug]
  }
  index "spaces_parent_id_position_idx" {
    on {
      column      = column.parent_id
      nulls_first = true
    }
    on {
      column = column.position
    }
    where = "(archived_at IS NULL)"
  }

  check "spaces_slug_check" {
    expr = "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text"
  }
  check "spaces_name_check" {
    expr = "(char_length(name) >= 1) AND (char_length(name) <= 80)"
  }
  check "spaces_parent_id_check" {
    expr = "parent_id <> id"
  }
  check "spaces_settings_check" {
    expr = "jsonb_typeof(settings) = 'object'::text"
  }
}
