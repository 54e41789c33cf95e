schema "tenant" {}

view "active" {
  schema = schema.tenant
  as     = "SELECT 1"
}
extension "citext" {
  schema = schema.tenant
}
data "sql" "x" {
  query = "SELECT 1"
}
tabel "users" {
  schema = schema.tenant
}
table "users" {
  schema = schema.tenant
  column "id" {
    type = bigint
  }
  dynamic "column" {
    for_each = ["a"]
    content {
      type = text
    }
  }
  exclude "users_excl" {
    type = GIST
  }
  colum "name" {
    type = text
  }
  primary_key {
    columns = [column.id]
  }
  primary_key {
    columns = [column.id]
  }
  primary_key "users_key" {
    on {
      column = column.id
    }
  }
}
