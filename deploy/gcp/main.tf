# A bucket for the leases, a role that may use it, and the programs: instances, a pool of workers, a job.
terraform {
  required_version = ">= 1.6"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.0"
    }
  }
}

variable "project" {
  type = string
}

variable "region" {
  type    = string
  default = "europe-west1"
}

variable "role" {
  description = "leader, observer or fleet: which permissions the programs get"
  type        = string
  default     = "leader"
}

variable "container" {
  description = "the image, as europe-west1-docker.pkg.dev/project/repository/orders:1"
  type        = string
}

provider "google" {
  project = var.project
  region  = var.region
}

resource "google_storage_bucket" "leases" {
  name                        = "${var.project}-leases"
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # Each renewal replaces the object: soft delete would keep, and bill, every one of them for a week.
  soft_delete_policy {
    retention_duration_seconds = 0
  }
}

locals {
  role = jsondecode(file("${path.module}/roles/${var.role}.json"))
}

resource "google_project_iam_custom_role" "node" {
  role_id     = "leases_${var.role}"
  title       = local.role.title
  description = local.role.description
  permissions = local.role.includedPermissions
}

resource "google_service_account" "node" {
  account_id = "orders"
}

resource "google_storage_bucket_iam_member" "node" {
  bucket = google_storage_bucket.leases.name
  role   = google_project_iam_custom_role.node.id
  member = google_service_account.node.member
}

# Without requests: a worker pool's processor is always there. A service's is not, unless billing is by instance.
resource "google_cloud_run_v2_worker_pool" "orders" {
  name     = "orders"
  location = var.region

  # The role first: a program ends if its first request for the lease is refused. When all is destroyed, the role goes last.
  depends_on = [google_storage_bucket_iam_member.node]

  scaling {
    manual_instance_count = 2
  }

  template {
    service_account = google_service_account.node.email
    containers {
      image = var.container
      env {
        name  = "LEADER_STORE"
        value = "gs://${google_storage_bucket.leases.name}"
      }
      env {
        name  = "LEADER_NAME"
        value = "orders"
      }
      # Cloud Run waits ten seconds after SIGTERM, and no longer. A node of a fleet needs both times.
      env {
        name  = "LEADER_DRAIN_TIMEOUT"
        value = "7s"
      }
      env {
        name  = "LEADER_LEAVE_TIMEOUT"
        value = "2s"
      }
    }
  }
}

# A job that Cloud Scheduler starts, perhaps twice. For several regions, make the job alone once for each, with for_each: the bucket is one.
resource "google_cloud_run_v2_job" "report" {
  name     = "report"
  location = var.region

  depends_on = [google_storage_bucket_iam_member.node]

  template {
    template {
      service_account = google_service_account.node.email
      max_retries     = 0
      timeout         = "900s"
      containers {
        image   = var.container
        command = ["/usr/local/bin/leader", "run", "--once", "--lease-length", "1m", "--hold-at-least", "1m", "--", "/usr/local/bin/orders"]
        env {
          name  = "LEADER_STORE"
          value = "gs://${google_storage_bucket.leases.name}"
        }
        env {
          name  = "LEADER_NAME"
          value = "report"
        }
        env {
          name  = "LEADER_DRAIN_TIMEOUT"
          value = "7s"
        }
      }
    }
  }
}
