# None of these is wrong.
schema "tenant" {}

table "numbers" {
  schema  = schema.tenant
  comment = "'a' and 'b'"
  column "a" {
    type    = numeric
    default = 0.1
  }
  column "b" {
    type    = numeric
    default = -123456789012345678901234567890
  }
  column "c" {
    type    = numeric
    default = sql("123456789.123456789")
  }
  column "d" {
    type    = numeric
    default = 0.000000000000001
  }
  column "e" {
    type    = text
    default = "it's"
    comment = null
  }
}
