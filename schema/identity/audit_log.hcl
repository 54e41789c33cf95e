table "audit_log" {
  schema  = schema.identity
  comment = "What was done, by whom and to what; rows are added and never changed."

  column "id" {
    null = false
    type = bigint
    identity {
      generated = ALWAYS
    }
  }
  column "occurred_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }
  column "organisation_id" {
    null = true
    type = uuid
  }
  column "actor_id" {
    null    = true
    type    = uuid
    comment = "NULL where the system acted, or the person is gone."
  }
  column "action" {
    null    = false
    type    = text
    comment = "What happened, as in member.invited."
  }
  column "subject" {
    null    = false
    type    = jsonb
    default = "{}"
  }
  column "ip_address" {
    null = true
    type = inet
  }

  primary_key {
    columns = [column.id]
  }
  foreign_key "audit_log_organisation_id_fkey" {
    columns     = [column.organisation_id]
    ref_columns = [table.organisations.column.id]
    on_delete   = SET_NULL
  }
  foreign_key "audit_log_actor_id_fkey" {
    columns     = [column.actor_id]
    ref_columns = [table.users.column.id]
    on_delete   = SET_NULL
  }
  index "audit_log_occurred_at_idx" {
    type           = BRIN
    columns        = [column.occurred_at]
    page_per_range = 32
  }
  index "audit_log_organisation_id_occurred_at_idx" {
    on {
      column = column.organisation_id
    }
    on {
      column = column.occurred_at
      desc   = true
    }
  }
  index "audit_log_actor_id_idx" {
    columns = [column.actor_id]
    where   = "(actor_id IS NOT NULL)"
  }
  index "audit_log_subject_idx" {
    type = GIN
    on {
      column = column.subject
      ops    = jsonb_path_ops
    }
  }

  check "audit_log_action_check" {
    expr = "action ~ '^[a-z_]+([.][a-z_]+)+$'::text"
  }
}
