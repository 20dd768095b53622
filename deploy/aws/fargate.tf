# Two tasks on Fargate, from the image of ../image. The tasks need no port and no load balancer.
variable "container" {
  description = "the image, as 111122223333.dkr.ecr.eu-west-1.amazonaws.com/orders:1"
  type        = string
}

variable "execution_role" {
  description = "the ARN of the role that pulls the image and writes the log"
  type        = string
}

data "aws_region" "here" {}

resource "aws_ecs_cluster" "orders" {
  name = "orders"
}

resource "aws_cloudwatch_log_group" "orders" {
  name              = "/orders"
  retention_in_days = 30
}

resource "aws_ecs_task_definition" "orders" {
  family                   = "orders"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  task_role_arn            = aws_iam_role.node.arn
  execution_role_arn       = var.execution_role

  container_definitions = jsonencode([{
    name  = "orders"
    image = var.container
    # Longer than LEADER_DRAIN_TIMEOUT, and the 15 s of a fleet's LEADER_LEAVE_TIMEOUT besides. 120 is Fargate's greatest.
    stopTimeout = 60
    environment = [
      { name = "LEADER_STORE", value = "dynamodb://${aws_dynamodb_table.leases.name}?region=${data.aws_region.here.region}" },
      { name = "LEADER_NAME", value = "orders" },
      { name = "LEADER_DRAIN_TIMEOUT", value = "40s" },
    ]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.orders.name
        awslogs-region        = data.aws_region.here.region
        awslogs-stream-prefix = "orders"
      }
    }
  }])
}

resource "aws_ecs_service" "orders" {
  name            = "orders"
  cluster         = aws_ecs_cluster.orders.id
  task_definition = aws_ecs_task_definition.orders.arn
  launch_type     = "FARGATE"
  desired_count   = 2

  # The role first: a program ends if its first request for the lease is refused. When all is destroyed, the role goes last.
  depends_on = [aws_iam_role_policy.leases]

  # One at a time: the lease moves once or twice, and a standby is always there.
  deployment_minimum_healthy_percent = 50
  deployment_maximum_percent         = 100

  # In public subnets, set assign_public_ip = true. Private ones need a NAT, or endpoints for the registry, the log and the store: without
  # either, a task gets neither its image nor a lease.
  network_configuration {
    subnets = var.subnets
  }
}
