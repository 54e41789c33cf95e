enum "reaction_kind" {
  schema = schema.tenant
  values = ["like", "celebrate", "insightful", "curious"]
}

table "reactions" {
  schema  = schema.tenant
  comment = "One click of a member on a post or on a comment."

  column "id" {
    null = false
    type = bigint
    identity {
      generated = ALWAYS
    }
  }
  column "member_id" {
    null = false
    type = bigint
  }
  column "post_id" {
    null = true
    type = bigint
  }
  column "comment_id" {
    null = true
    type = bigint
  }
  column "kind" {
    null    = false
    type    = enum.reaction_kind
    default = "like"
  }
  column "created_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }

  primary_key {
    columns = [column.id]
  }
  foreign_key "reactions_member_id_fkey" {
    columns     = [column.member_id]
    ref_columns = [table.members.column.id]
    on_delete   = CASCADE
  }
  foreign_key "reactions_post_id_fkey" {
    columns     = [column.post_id]
    ref_columns = [table.posts.column.id]
    on_delete   = CASCADE
  }
  foreign_key "reactions_comment_id_fkey" {
    columns     = [column.comment_id]
    ref_columns = [table.comments.column.id]
    on_delete   = CASCADE
  }
  index "reactions_post_id_member_id_kind_key" {
    unique  = true
    columns = [column.post_id, column.member_id, column.kind]
    where   = "(post_id IS NOT NULL)"
  }
  index "reactions_comment_id_member_id_kind_key" {
    unique  = true
    columns = [column.comment_id, column.member_id, column.kind]
    where   = "(comment_id IS NOT NULL)"
  }
  index "reactions_member_id_idx" {
    columns = [column.member_id]
  }

  check "reactions_target_check" {
    expr = "num_nonnulls(post_id, comment_id) = 1"
  }
}
