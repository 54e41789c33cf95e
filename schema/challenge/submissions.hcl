enum "submission_status" {
  schema = schema.tenant
  values = ["queued", "running", "passed", "failed", "rejected"]
}

table "submissions" {
  schema  = schema.tenant
  comment = "Attempts at a challenge."

  column "id" {
    null = false
    type = bigint
    identity {
      generated = BY_DEFAULT
    }
  }
  column "challenge_id" {
    null = false
    type = uuid
  }
  column "user_id" {
    null    = false
    type    = uuid
    comment = "The person in identity."
  }
  column "attempt" {
    null    = false
    type    = smallint
    default = 1
  }
  column "status" {
    null    = false
    type    = enum.submission_status
    default = "queued"
  }
  column "language" {
    null = true
    type = text
  }
  column "source" {
    null = false
    type = text
  }
  column "source_hash" {
    null    = true
    type    = text
    comment = "Finds the same solution handed in twice."
    as {
      expr = "md5(source)"
      type = STORED
    }
  }
  column "runtime_ms" {
    null = true
    type = double_precision
  }
  column "result" {
    null = true
    type = jsonb
  }
  column "submitted_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }
  column "judged_at" {
    null = true
    type = timestamptz
  }

  primary_key {
    columns = [column.id]
  }
  foreign_key "submissions_challenge_id_fkey" {
    columns     = [column.challenge_id]
    ref_columns = [table.challenges.column.id]
    on_delete   = CASCADE
  }
  foreign_key "submissions_user_id_fkey" {
    columns     = [column.user_id]
    ref_columns = [table.users.column.id]
    on_delete   = CASCADE
  }
  unique "submissions_challenge_id_user_id_attempt_key" {
    columns = [column.challenge_id, column.user_id, column.attempt]
  }
  index "submissions_user_id_submitted_at_idx" {
    on {
      column = column.user_id
    }
    on {
      column = column.submitted_at
      desc   = true
    }
  }
  # The judges' queue.
  index "submissions_submitted_at_idx" {
    columns = [column.submitted_at]
    where   = "(judged_at IS NULL)"
    include = [column.challenge_id]
  }
  index "submissions_challenge_id_source_hash_idx" {
    columns = [column.challenge_id, column.source_hash]
  }
  index "submissions_result_idx" {
    type = GIN
    on {
      column = column.result
      ops    = jsonb_path_ops
    }
  }

  check "submissions_attempt_check" {
    expr = "attempt >= 1"
  }
  check "submissions_source_check" {
    expr = "octet_length(source) <= 1048576"
  }
  check "submissions_judged_at_check" {
    expr = "judged_at >= submitted_at"
  }
}

table "scores" {
  schema  = schema.tenant
  comment = "What a submission was worth."

  column "submission_id" {
    null = false
    type = bigint
  }
  column "points" {
    null = false
    type = numeric(8, 2)
  }
  column "penalty" {
    null    = false
    type    = numeric(8, 2)
    default = 0
  }
  column "total" {
    null = true
    type = numeric(8, 2)
    as {
      expr = "GREATEST((points - penalty), (0)::numeric)"
      type = STORED
    }
  }
  column "judged_by" {
    null    = true
    type    = uuid
    comment = "NULL where a machine judged."
  }
  column "feedback" {
    null = true
    type = text
  }
  column "created_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }

  primary_key {
    columns = [column.submission_id]
  }
  foreign_key "scores_submission_id_fkey" {
    columns     = [column.submission_id]
    ref_columns = [table.submissions.column.id]
    on_delete   = CASCADE
  }
  foreign_key "scores_judged_by_fkey" {
    columns     = [column.judged_by]
    ref_columns = [table.users.column.id]
    on_delete   = SET_NULL
  }
  index "scores_total_idx" {
    on {
      column = column.total
      desc   = true
    }
    include = [column.submission_id]
  }
  index "scores_judged_by_idx" {
    columns = [column.judged_by]
    where   = "(judged_by IS NOT NULL)"
  }

  check "scores_points_check" {
    expr = "points >= (0)::numeric"
  }
  check "scores_penalty_check" {
    expr = "penalty >= (0)::numeric"
  }
}
