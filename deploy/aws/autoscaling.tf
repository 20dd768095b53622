# Two instances in two zones; systemd runs the program on both (../systemd/orders.service).
variable "image" {
  description = "the AMI, with /usr/local/bin/leader, the program, and the unit"
  type        = string
}

resource "aws_iam_instance_profile" "node" {
  name_prefix = "leader-"
  role        = aws_iam_role.node.name
}

resource "aws_launch_template" "node" {
  name_prefix   = "orders-"
  image_id      = var.image
  instance_type = "t4g.nano"

  iam_instance_profile {
    arn = aws_iam_instance_profile.node.arn
  }

  metadata_options {
    http_tokens = "required"
  }
}

resource "aws_autoscaling_group" "nodes" {
  name_prefix         = "orders-"
  min_size            = 2
  max_size            = 3
  vpc_zone_identifier = var.subnets
  # EC2, not ELB: a standby is healthy, though it does not lead.
  health_check_type = "EC2"

  # The role first: a program ends if its first request for the lease is refused. When all is destroyed, the role goes last.
  depends_on = [aws_iam_role_policy.leases]

  launch_template {
    id      = aws_launch_template.node.id
    version = aws_launch_template.node.latest_version
  }

  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = 50
    }
  }
}
