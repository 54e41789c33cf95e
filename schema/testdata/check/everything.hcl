# Every attribute of the language, each on a line that ends in its path. Without the line it is another schema, or none.
variable "schema" {
  type        = string            # variable.type
  description = "Not for Atlas."  # variable.description
}
variable "greeting" {
  type    = string
  default = "One tenant."         # variable.default
}
schema "tenant" {
  name    = local.name            # schema.name
  comment = var.greeting          # schema.comment
}
enum "mood" {
  schema = schema.tenant          # enum.schema
  values = ["good", "bad"]        # enum.values
}
locals {
  name = upper(var.schema)
}
table "events" {
  schema     = schema.tenant      # table.schema
  comment    = "What happened."   # table.comment
  depends_on = [table.users]      # table.depends_on
  column "id" {
    type = bigint
    identity {
      generated = ALWAYS          # table.column.identity.generated
      start     = 1000            # table.column.identity.start
      increment = 10              # table.column.identity.increment
    }
  }
  column "day" {
    type    = date                # table.column.type
    null    = true                # table.column.null
    default = sql("now()")        # table.column.default
    comment = "Of the event."     # table.column.comment
  }
  column "number" {
    type = integer
    as   = "1 + 1"                # table.column.as
  }
  column "mood" {
    type = enum.mood
  }
  partition {
    type    = RANGE               # table.partition.type
    columns = [column.day]        # table.partition.columns
  }
}
table "logs" {
  schema = schema.tenant
  column "day" {
    type = date
  }
  column "hour" {
    type = integer
  }
  partition {
    type = LIST
    by {
      column = column.day         # table.partition.by.column
    }
    by {
      expr = "hour % 2"           # table.partition.by.expr
    }
  }
}
table "users" {
  schema = schema.tenant
  column "id" {
    type = bigint
  }
  column "friend" {
    type = bigint
  }
  column "name" {
    type = text
  }
  column "twice" {
    type = bigint
    as {
      expr = "id * 2"             # table.column.as.expr
      type = STORED               # table.column.as.type
    }
  }
  primary_key {
    columns = [column.id]         # table.primary_key.columns
    include = [column.name]       # table.primary_key.include
  }
  foreign_key "users_friend_fkey" {
    columns     = [column.friend] # table.foreign_key.columns
    ref_columns = [column.id]     # table.foreign_key.ref_columns
    on_update   = CASCADE         # table.foreign_key.on_update
    on_delete   = SET_NULL        # table.foreign_key.on_delete
  }
  unique "users_name_key" {
    columns        = [column.name]   # table.unique.columns
    include        = [column.friend] # table.unique.include
    nulls_distinct = false           # table.unique.nulls_distinct
    comment        = "One of a name" # table.unique.comment
  }
  check "users_name_check" {
    expr = "name <> ''"           # table.check.expr
  }
  index "users_twice_idx" {
    columns        = [column.twice] # table.index.columns
    unique         = true           # table.index.unique
    nulls_distinct = false          # table.index.nulls_distinct
    where          = "id > 5"       # table.index.where
    include        = [column.name]  # table.index.include
    comment        = "To look up."  # table.index.comment
  }
  index "users_id_idx" {
    columns        = [column.id]
    type           = BRIN           # table.index.type
    page_per_range = 64             # table.index.page_per_range
  }
  index "users_lower_idx" {
    on {
      expr        = "lower(name)"     # table.index.on.expr
      nulls_first = true              # table.index.on.nulls_first
      ops         = text_pattern_ops  # table.index.on.ops
    }
    on {
      column     = column.friend    # table.index.on.column
      desc       = true             # table.index.on.desc
      nulls_last = true             # table.index.on.nulls_last
    }
  }
}
