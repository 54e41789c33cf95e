# Each env is a service, and comes about by the files of a folder: as Flyway has
# them, and with what Flyway has recorded.
env "identity" {
  migration {
    dir     = "file://migrations/identity"
    format  = flyway
    history = flyway
  }
}

env "service-baseline" {
  migration {
    dir     = "file://migrations/service-baseline"
    format  = flyway
    history = flyway
    placeholders = {
      default_plan = "free"
    }
  }
}
