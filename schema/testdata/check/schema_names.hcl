schema "s" {
  name = "tenant"
}
schema "identity" {
  name = "identity"
}
schema "a b" {
  name = "b"
}
