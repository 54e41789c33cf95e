enum "course_level" {
  schema = schema.tenant
  values = ["beginner", "intermediate", "advanced"]
}

table "courses" {
  schema  = schema.tenant
  comment = "What can be learned here."

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
  column "summary" {
    null    = false
    type    = text
    default = ""
  }
  column "level" {
    null    = false
    type    = enum.course_level
    default = "beginner"
  }
  column "topics" {
    null    = false
    type    = sql("text[]")
    default = "{}"
  }
  column "author_id" {
    null    = true
    type    = uuid
    comment = "The person in identity; NULL once they are gone."
  }
  column "price" {
    null    = false
    type    = numeric(10, 2)
    default = 0
  }
  column "currency" {
    null    = false
    type    = character(3)
    default = "EUR"
  }
  column "created_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }
  column "published_at" {
    null = true
    type = timestamptz
  }
  column "search" {
    null = true
    type = tsvector
    as {
      expr = "to_tsvector('simple'::regconfig, ((title || ' '::text) || summary))"
      type = STORED
    }
  }

  primary_key {
    columns = [column.id]
  }
  foreign_key "courses_author_id_fkey" {
    columns     = [column.author_id]
    ref_columns = [table.users.column.id]
    on_delete   = SET_NULL
  }
  unique "courses_slug_key" {
    columns = [column.slug]
  }
  index "courses_level_published_at_idx" {
    on {
      column = column.level
    }
    on {
      column     = column.published_at
      desc       = true
      nulls_last = true
    }
    where = "(published_at IS NOT NULL)"
  }
  index "courses_author_id_idx" {
    columns = [column.author_id]
  }
  index "courses_topics_idx" {
    columns = [column.topics]
    type    = GIN
  }
  index "courses_search_idx" {
    columns = [column.search]
    type    = GIN
  }

  check "courses_slug_check" {
    expr = "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text"
  }
  check "courses_title_check" {
    expr = "(char_length(title) >= 1) AND (char_length(title) <= 200)"
  }
  check "courses_price_check" {
    expr = "price >= (0)::numeric"
  }
  check "courses_currency_check" {
    expr = "currency ~ '^[A-Z]{3}$'::text"
  }
}
