enum "lesson_kind" {
  schema = schema.tenant
  values = ["video", "article", "quiz", "assignment"]
}

table "modules" {
  schema  = schema.tenant
  comment = "Chapters of a course, in order."

  column "id" {
    null    = false
    type    = uuid
    default = sql("gen_random_uuid()")
  }
  column "course_id" {
    null = false
    type = uuid
  }
  column "position" {
    null = false
    type = smallint
  }
  column "title" {
    null = false
    type = text
  }
  column "unlocks_after" {
    null    = false
    type    = interval
    default = sql("'00:00:00'::interval")
    comment = "How long after enrolling the module opens."
  }

  primary_key {
    columns = [column.id]
  }
  foreign_key "modules_course_id_fkey" {
    columns     = [column.course_id]
    ref_columns = [table.courses.column.id]
    on_delete   = CASCADE
  }
  unique "modules_course_id_position_key" {
    columns = [column.course_id, column.position]
  }

  check "modules_position_check" {
    expr = "\"position\" >= 1"
  }
  check "modules_title_check" {
    expr = "(char_length(title) >= 1) AND (char_length(title) <= 200)"
  }
}

table "lessons" {
  schema  = schema.tenant
  comment = "The smallest thing to learn: a video, a text, a quiz, an assignment."

  column "id" {
    null    = false
    type    = uuid
    default = sql("gen_random_uuid()")
  }
  column "module_id" {
    null = false
    type = uuid
  }
  column "position" {
    null = false
    type = smallint
  }
  column "kind" {
    null    = false
    type    = enum.lesson_kind
    default = "article"
  }
  column "title" {
    null = false
    type = text
  }
  column "content" {
    null    = false
    type    = jsonb
    default = "{}"
    comment = "Blocks of the editor, or the questions of a quiz."
  }
  column "duration_seconds" {
    null = true
    type = integer
  }
  column "duration_minutes" {
    null    = true
    type    = integer
    comment = "Rounded up, as lists show it."
    as {
      expr = "((duration_seconds + 59) / 60)"
      type = STORED
    }
  }
  column "free_preview" {
    null    = false
    type    = boolean
    default = false
  }
  column "updated_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }

  primary_key {
    columns = [column.id]
  }
  foreign_key "lessons_module_id_fkey" {
    columns     = [column.module_id]
    ref_columns = [table.modules.column.id]
    on_delete   = CASCADE
  }
  unique "lessons_module_id_position_key" {
    columns = [column.module_id, column.position]
    include = [column.title]
  }
  index "lessons_content_idx" {
    type = GIN
    on {
      column = column.content
      ops    = jsonb_path_ops
    }
  }
  index "lessons_module_id_free_preview_idx" {
    columns = [column.module_id]
    where   = "free_preview"
  }

  check "lessons_position_check" {
    expr = "\"position\" >= 1"
  }
  check "lessons_title_check" {
    expr = "(char_length(title) >= 1) AND (char_length(title) <= 200)"
  }
  check "lessons_content_check" {
    expr = "jsonb_typeof(content) = ANY (ARRAY['object'::text, 'array'::text])"
  }
  check "lessons_duration_seconds_check" {
    expr = "duration_seconds > 0"
  }
}
