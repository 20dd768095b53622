# The table or the bucket of the leases, and a role that may use it. The rest of this folder builds on it.
terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

variable "role" {
  description = "leader, observer or fleet: which policies the programs get"
  type        = string
  default     = "leader"
}

variable "subnets" {
  description = "where the instances or the tasks run: two zones or more, from which the table or the bucket can be reached"
  type        = list(string)
}

resource "aws_dynamodb_table" "leases" {
  name                        = "leases"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "lease"
  deletion_protection_enabled = true # a deleted lease begins again with token 1

  attribute {
    name = "lease"
    type = "S"
  }
}

# Only if you keep leases in S3. No lifecycle rule, no versioning that keeps each renewal.
resource "aws_s3_bucket" "leases" {
  bucket_prefix = "leases-"
}

resource "aws_s3_bucket_public_access_block" "leases" {
  bucket                  = aws_s3_bucket.leases.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

locals {
  # Each file is a statement without its resource, as template.yaml of SAM includes it, too.
  statements = [
    merge(jsondecode(file("${path.module}/policies/dynamodb-${var.role}.json")), { Resource = aws_dynamodb_table.leases.arn }),
    merge(jsondecode(file("${path.module}/policies/s3-${var.role}-objects.json")), { Resource = "${aws_s3_bucket.leases.arn}/*" }),
    merge(jsondecode(file("${path.module}/policies/s3-${var.role}-bucket.json")), { Resource = aws_s3_bucket.leases.arn }),
  ]
}

resource "aws_iam_role" "node" {
  name_prefix = "leader-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"] }
    }]
  })
}

resource "aws_iam_role_policy" "leases" {
  name   = "leases"
  role   = aws_iam_role.node.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}
