# Two instances in two zones; systemd runs the program on both (../systemd/orders.service).
variable "image" {
  description = "the disk image, with /usr/local/bin/leader, the program, and the unit"
  type        = string
}

resource "google_compute_instance_template" "node" {
  name_prefix  = "orders-"
  machine_type = "e2-micro"

  disk {
    source_image = var.image
  }

  # Without an address of the outside, an instance reaches Cloud Storage only if its subnet has Private Google Access, or a NAT.
  network_interface {
    network = "default"
    access_config {}
  }

  service_account {
    email  = google_service_account.node.email
    scopes = ["cloud-platform"]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_region_instance_group_manager" "nodes" {
  name               = "orders"
  base_instance_name = "orders"
  target_size        = 2

  # The role first: a program ends if its first request for the lease is refused. When all is destroyed, the role goes last.
  depends_on = [google_storage_bucket_iam_member.node]

  version {
    instance_template = google_compute_instance_template.node.self_link_unique
  }

  # No autohealing by a health check of "leads": a standby is healthy.
  update_policy {
    type                  = "PROACTIVE"
    minimal_action        = "REPLACE"
    max_surge_fixed       = 3
    max_unavailable_fixed = 0
  }
}
