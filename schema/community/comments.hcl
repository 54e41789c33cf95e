table "comments" {
  schema  = schema.tenant
  comment = "Answers to a post, and answers to those."

  column "id" {
    null = false
    type = bigint
    identity {
      generated = ALWAYS
    }
  }
  column "post_id" {
    null = false
    type = bigint
  }
  column "parent_id" {
    null = true
    type = bigint
  }
  column "author_id" {
    null = true
    type = bigint
  }
  column "body" {
    null = false
    type = text
  }
  column "accepted" {
    null    = false
    type    = boolean
    default = false
    comment = "The answer that solved the question."
  }
  column "created_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }
  column "deleted_at" {
    null = true
    type = timestamptz
  }

  primary_key {
    columns = [column.id]
  }
  foreign_key "comments_post_id_fkey" {
    columns     = [column.post_id]
    ref_columns = [table.posts.column.id]
    on_delete   = CASCADE
  }
  foreign_key "comments_parent_id_fkey" {
    columns     = [column.parent_id]
    ref_columns = [column.id]
    on_delete   = CASCADE
  }
  foreign_key "comments_author_id_fkey" {
    columns     = [column.author_id]
    ref_columns = [table.members.column.id]
    on_delete   = SET_NULL
  }
  # One accepted answer a post.
  index "comments_post_id_accepted_key" {
    unique  = true
    columns = [column.post_id]
    where   = "accepted"
  }
  index "comments_post_id_created_at_idx" {
    columns = [column.post_id, column.created_at]
    where   = "(deleted_at IS NULL)"
  }
  index "comments_parent_id_idx" {
    columns = [column.parent_id]
    where   = "(parent_id IS NOT NULL)"
  }
  index "comments_author_id_idx" {
    columns = [column.author_id]
  }

  check "comments_body_check" {
    expr = "(char_length(body) >= 1) AND (char_length(body) <= 20000)"
  }
  check "comments_parent_id_check" {
    expr = "parent_id < id"
  }
}
