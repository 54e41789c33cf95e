enum "enrolment_status" {
  schema = schema.tenant
  values = ["invited", "active", "completed", "cancelled"]
}

table "enrolments" {
  schema  = schema.tenant
  comment = "Who takes which course, and from when to when."

  column "id" {
    null = false
    type = bigint
    identity {
      generated = ALWAYS
      start     = 1000
    }
  }
  column "course_id" {
    null = false
    type = uuid
  }
  column "user_id" {
    null    = false
    type    = uuid
    comment = "The person in identity."
  }
  column "status" {
    null    = false
    type    = enum.enrolment_status
    default = "active"
  }
  column "starts_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }
  column "ends_at" {
    null    = true
    type    = timestamptz
    comment = "NULL where access does not end."
  }
  column "period" {
    null    = true
    type    = tstzrange
    comment = "The two dates as a range, for questions of overlap."
    as {
      expr = "tstzrange(starts_at, ends_at)"
      type = STORED
    }
  }
  column "completed_at" {
    null = true
    type = timestamptz
  }

  primary_key {
    columns = [column.id]
  }
  foreign_key "enrolments_course_id_fkey" {
    columns     = [column.course_id]
    ref_columns = [table.courses.column.id]
    on_delete   = RESTRICT
  }
  foreign_key "enrolments_user_id_fkey" {
    columns     = [column.user_id]
    ref_columns = [table.users.column.id]
    on_delete   = CASCADE
  }
  # Again only after it was completed.
  index "enrolments_course_id_user_id_key" {
    unique  = true
    columns = [column.course_id, column.user_id]
    where   = "(completed_at IS NULL)"
  }
  index "enrolments_user_id_status_idx" {
    columns = [column.user_id, column.status]
  }
  index "enrolments_period_idx" {
    columns = [column.period]
    type    = GIST
  }

  check "enrolments_ends_at_check" {
    expr = "ends_at > starts_at"
  }
  check "enrolments_completed_at_check" {
    expr = "completed_at >= starts_at"
  }
}

table "progress" {
  schema  = schema.tenant
  comment = "How far an enrolment has come in each lesson."

  column "enrolment_id" {
    null = false
    type = bigint
  }
  column "lesson_id" {
    null = false
    type = uuid
  }
  column "percent" {
    null    = false
    type    = smallint
    default = 0
  }
  column "score" {
    null    = true
    type    = numeric(5, 2)
    comment = "Of a quiz or an assignment."
  }
  column "answers" {
    null = true
    type = jsonb
  }
  column "done" {
    null = true
    type = boolean
    as {
      expr = "(percent = 100)"
      type = STORED
    }
  }
  column "updated_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }

  primary_key {
    columns = [column.enrolment_id, column.lesson_id]
  }
  foreign_key "progress_enrolment_id_fkey" {
    columns     = [column.enrolment_id]
    ref_columns = [table.enrolments.column.id]
    on_delete   = CASCADE
  }
  foreign_key "progress_lesson_id_fkey" {
    columns     = [column.lesson_id]
    ref_columns = [table.lessons.column.id]
    on_delete   = CASCADE
  }
  index "progress_lesson_id_idx" {
    columns = [column.lesson_id]
    include = [column.percent]
  }
  # Where to go on.
  index "progress_enrolment_id_updated_at_idx" {
    on {
      column = column.enrolment_id
    }
    on {
      column = column.updated_at
      desc   = true
    }
    where   = "(percent < 100)"
  }

  check "progress_percent_check" {
    expr = "(percent >= 0) AND (percent <= 100)"
  }
  check "progress_score_check" {
    expr = "(score >= (0)::numeric) AND (score <= (100)::numeric)"
  }
}
