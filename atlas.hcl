# Each env is a service: the HCL that describes it. identity exists once per database, the others once per tenant.
# Their tables refer to identity's, so its files are listed with theirs.

variable "schema" {
  type        = string
  default     = "tenant"
  description = "Name of the tenant's schema."
}

locals {
  url = getenv("DATABASE_URL")
  dev = getenv("ATLAS_DEV_URL")
}

env "identity" {
  src = ["file://schema/identity"]
  url = local.url
  dev = local.dev
  diff {
    skip {
      drop_schema = true
    }
  }
}

env "community" {
  src = ["file://schema/identity", "file://schema/tenant.hcl", "file://schema/community"]
  url = local.url
  dev = local.dev
  diff {
    skip {
      drop_schema = true
    }
  }
}

env "learn" {
  src = ["file://schema/identity", "file://schema/tenant.hcl", "file://schema/learn"]
  url = local.url
  dev = local.dev
  diff {
    skip {
      drop_schema = true
    }
  }
}

env "challenge" {
  src = ["file://schema/identity", "file://schema/tenant.hcl", "file://schema/challenge"]
  url = local.url
  dev = local.dev
  diff {
    skip {
      drop_schema = true
    }
  }
}
