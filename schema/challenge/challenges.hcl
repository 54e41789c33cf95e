enum "challenge_difficulty" {
  schema = schema.tenant
  values = ["easy", "medium", "hard", "expert"]
}

table "challenges" {
  schema  = schema.tenant
  comment = "Tasks to compete in, open for a while."

  column "id" {
    null    = false
    type    = uuid
    default = sql("gen_random_uuid()")
  }
  column "slug" {
    null = false
    type = text
  }
  column "title" {
    null = false
    type = text
  }
  column "brief" {
    null    = false
    type    = text
    default = ""
    comment = "Markdown."
  }
  column "difficulty" {
    null    = false
    type    = enum.challenge_difficulty
    default = "medium"
  }
  column "rules" {
    null    = false
    type    = jsonb
    default = "{}"
    comment = "How submissions are judged: tests, limits, weights."
  }
  column "allowed_languages" {
    null    = false
    type    = sql("text[]")
    default = "{}"
    comment = "Empty where any language will do."
  }
  column "max_points" {
    null    = false
    type    = numeric(8, 2)
    default = 100
  }
  column "max_attempts" {
    null = true
    type = smallint
  }
  column "opens_at" {
    null = false
    type = timestamptz
  }
  column "closes_at" {
    null = true
    type = timestamptz
  }
  column "window" {
    null = true
    type = tstzrange
    as {
      expr = "tstzrange(opens_at, closes_at)"
      type = STORED
    }
  }
  column "created_by" {
    null = true
    type = uuid
  }
  column "created_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }

  primary_key {
    columns = [column.id]
  }
  foreign_key "challenges_created_by_fkey" {
    columns     = [column.created_by]
    ref_columns = [table.users.column.id]
    on_delete   = SET_NULL
  }
  unique "challenges_slug_key" {
    columns = [column.slug]
  }
  # What is open now.
  index "challenges_window_idx" {
    columns = [column.window]
    type    = GIST
  }
  index "challenges_difficulty_opens_at_idx" {
    on {
      column = column.difficulty
    }
    on {
      column = column.opens_at
      desc   = true
    }
  }
  index "challenges_allowed_languages_idx" {
    columns = [column.allowed_languages]
    type    = GIN
  }
  index "challenges_created_by_idx" {
    columns = [column.created_by]
  }

  check "challenges_slug_check" {
    expr = "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text"
  }
  check "challenges_title_check" {
    expr = "(char_length(title) >= 1) AND (char_length(title) <= 200)"
  }
  check "challenges_max_points_check" {
    expr = "max_points > (0)::numeric"
  }
  check "challenges_max_attempts_check" {
    expr = "max_attempts >= 1"
  }
  check "challenges_closes_at_check" {
    expr = "closes_at > opens_at"
  }
}
