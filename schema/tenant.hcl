# The schema of one tenant. Its name is given from outside; the services in community/, learn/ and challenge/ fill it.

variable "schema" {
  type        = string
  default     = "tenant"
  description = "Name of the tenant's schema."
}

schema "tenant" {
  name = var.schema
}
