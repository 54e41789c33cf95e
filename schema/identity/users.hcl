table "users" {
  schema  = schema.identity
  comment = "People who can sign in, whichever tenants they belong to."

  column "id" {
    null    = false
    type    = uuid
    default = sql("gen_random_uuid()")
  }
  column "email" {
    null    = false
    type    = text
    comment = "As the person wrote it; unique without regard to case."
  }
  column "email_verified_at" {
    null = true
    type = timestamptz
  }
  column "display_name" {
    null = false
    type = text
  }
  column "password_hash" {
    null    = true
    type    = text
    comment = "NULL where the person signs in elsewhere."
  }
  column "locale" {
    null    = false
    type    = text
    default = "en"
  }
  column "preferences" {
    null    = false
    type    = jsonb
    default = "{}"
  }
  column "created_at" {
    null    = false
    type    = timestamptz
    default = sql("now()")
  }
  column "disabled_at" {
    null = true
    type = timestamptz
  }

  primary_key {
    columns = [column.id]
  }
  index "users_email_key" {
    unique = true
    on {
      expr = "lower(email)"
    }
  }
  # Newest active people first.
  index "users_created_at_idx" {
    columns = [column.created_at]
    where   = "(disabled_at IS NULL)"
  }

  check "users_email_check" {
    expr = "email ~ '^[^@[:space:]]+@[^@[:space:]]+$'::text"
  }
  check "users_display_name_check" {
    expr = "(char_length(display_name) >= 1) AND (char_length(display_name) <= 120)"
  }
  check "users_preferences_check" {
    expr = "jsonb_typeof(preferences) = 'object'::text"
  }
}
