enum "post_kind" {
  schema = schema.tenant
  values = ["discussion", "question", "announcement", "poll"]
}

table "posts" {
  schema  = schema.tenant
  comment = "What members write in a space; a draft until it is published."

  column "id" {
    null = false
    type = bigint
    identity {
      generated = ALWAYS
    }
  }
  column "space_id" {
    null = false
    type = bigint
  }
  column "author_id" {
    null    = true
    type    = bigint
    comment = "NULL once the member has left."
  }
  column "kind" {
    null    = false
    type    = enum.post_kind
    default = "discussion"
  }
  column "title" {
    null = false
    type = text
  }
  column "body" {
    null    = false
    type    = text
    default = ""
    comment = "Markdown."
  }
  column "tags" {
    null    = false
    type    = sql("text[]")
    default = "{}"
  }
  column "attachments" {
    null    = false
    type    = jsonb
    default = "[]"
  }
  column "pinned" {
    null    = false
    type    = boolean
    default = false
  }
  column "created_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }
  column "edited_at" {
    null = true
    type = timestamptz
  }
  column "published_at" {
    null = true
    type = timestamptz
  }
  column "search" {
    null    = true
    type    = tsvector
    comment = "Title before body, in no particular language."
    as {
      expr = "(setweight(to_tsvector('simple'::regconfig, title), 'A'::\"char\") || setweight(to_tsvector('simple'::regconfig, body), 'B'::\"char\"))"
      type = STORED
    }
  }

  primary_key {
    columns = [column.id]
  }
  foreign_key "posts_space_id_fkey" {
    columns     = [column.space_id]
    ref_columns = [table.spaces.column.id]
    on_delete   = CASCADE
  }
  foreign_key "posts_author_id_fkey" {
    columns     = [column.author_id]
    ref_columns = [table.members.column.id]
    on_delete   = SET_NULL
  }
  index "posts_space_id_created_at_idx" {
    on {
      column = column.space_id
    }
    on {
      column = column.created_at
      desc   = true
    }
  }
  # The list that a reader of a space sees.
  index "posts_space_id_published_at_idx" {
    on {
      column = column.space_id
    }
    on {
      column = column.published_at
      desc   = true
    }
    where   = "(published_at IS NOT NULL)"
    include = [column.title, column.author_id]
  }
  index "posts_space_id_pinned_idx" {
    columns = [column.space_id]
    where   = "pinned"
  }
  index "posts_author_id_idx" {
    columns = [column.author_id]
  }
  index "posts_tags_idx" {
    columns = [column.tags]
    type    = GIN
  }
  index "posts_search_idx" {
    columns = [column.search]
    type    = GIN
  }

  check "posts_title_check" {
    expr = "(char_length(title) >= 1) AND (char_length(title) <= 200)"
  }
  check "posts_tags_check" {
    expr = "cardinality(tags) <= 10"
  }
  check "posts_attachments_check" {
    expr = "jsonb_typeof(attachments) = 'array'::text"
  }
  check "posts_published_at_check" {
    expr = "published_at >= created_at"
  }
}
