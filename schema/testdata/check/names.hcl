schema "tenant" {}

table {
  schema = schema.tenant
}
enum "a" "b" {
  schema = schema.tenant
  values = ["x"]
}
locals "x" {
  a = 1
}
table "posts" {
  schema = schema.tenant
  column {
    type = bigint
  }
  column "author_id" {
    type = bigint
  }
  foreign_key {
    columns     = [column.author_id]
    ref_columns = [column.author_id]
  }
  index {
    columns = [column.author_id]
  }
  unique "" {
    columns = [column.author_id]
  }
  check {
    expr = "author_id > 0"
  }
}
