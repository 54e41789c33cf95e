enum "leaderboard_scope" {
  schema = schema.tenant
  values = ["challenge", "month", "all_time"]
}

table "leaderboards" {
  schema  = schema.tenant
  comment = "Rankings: of one challenge, of a month, of all time."

  column "id" {
    null = false
    type = integer
    identity {
      generated = ALWAYS
    }
  }
  column "scope" {
    null = false
    type = enum.leaderboard_scope
  }
  column "challenge_id" {
    null = true
    type = uuid
  }
  column "month" {
    null    = true
    type    = date
    comment = "Its first day."
  }
  column "name" {
    null = false
    type = text
  }
  column "frozen_at" {
    null    = true
    type    = timestamptz
    comment = "From then on entries do not change."
  }

  primary_key {
    columns = [column.id]
  }
  foreign_key "leaderboards_challenge_id_fkey" {
    columns     = [column.challenge_id]
    ref_columns = [table.challenges.column.id]
    on_delete   = CASCADE
  }
  index "leaderboards_challenge_id_key" {
    unique  = true
    columns = [column.challenge_id]
    where   = "(challenge_id IS NOT NULL)"
  }
  index "leaderboards_month_key" {
    unique  = true
    columns = [column.month]
    where   = "(month IS NOT NULL)"
  }

  check "leaderboards_target_check" {
    expr = "num_nonnulls(challenge_id, month) <= 1"
  }
  check "leaderboards_month_check" {
    expr = "EXTRACT(day FROM month) = (1)::numeric"
  }
}

table "leaderboard_entries" {
  schema  = schema.tenant
  comment = "The places on a leaderboard."

  column "leaderboard_id" {
    null = false
    type = integer
  }
  column "user_id" {
    null = false
    type = uuid
  }
  column "rank" {
    null = false
    type = integer
  }
  column "points" {
    null    = false
    type    = numeric(10, 2)
    default = 0
  }
  column "badges" {
    null    = false
    type    = sql("text[]")
    default = "{}"
  }
  column "updated_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }

  primary_key {
    columns = [column.leaderboard_id, column.user_id]
  }
  foreign_key "leaderboard_entries_leaderboard_id_fkey" {
    columns     = [column.leaderboard_id]
    ref_columns = [table.leaderboards.column.id]
    on_delete   = CASCADE
  }
  foreign_key "leaderboard_entries_user_id_fkey" {
    columns     = [column.user_id]
    ref_columns = [table.users.column.id]
    on_delete   = CASCADE
  }
  # The top of a board, read from the index alone.
  index "leaderboard_entries_leaderboard_id_rank_idx" {
    columns = [column.leaderboard_id, column.rank]
    include = [column.user_id, column.points]
  }
  index "leaderboard_entries_user_id_idx" {
    columns = [column.user_id]
  }

  check "leaderboard_entries_rank_check" {
    expr = "rank >= 1"
  }
}
