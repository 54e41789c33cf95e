env "app" {
  src = ["file://app.hcl"]
}
