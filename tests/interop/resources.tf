terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" {
  type = string
}

# What the policies allow and the document says; changed to see all of them change.
variable "action" {
  type    = string
  default = "ssm:DescribeSessions"
}

provider "aws" {
  region                     = "eu-west-1"
  skip_metadata_api_check    = true
  skip_region_validation     = true
  skip_requesting_account_id = true
  endpoints {
    iam = var.endpoint
    sts = var.endpoint
    ssm = var.endpoint
    kms = var.endpoint
  }
}

locals {
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = var.action, Resource = "*" }]
  })
}

resource "aws_iam_policy" "look" {
  name   = "look"
  path   = "/ops/"
  policy = local.policy
  tags   = { team = "web" }
}

resource "aws_iam_user" "alice" {
  name                 = "alice"
  path                 = "/ops/"
  force_destroy        = true
  permissions_boundary = aws_iam_policy.look.arn
  tags                 = { team = "web" }
}

resource "aws_iam_access_key" "alice" {
  user = aws_iam_user.alice.name
}

resource "aws_iam_user_policy" "own" {
  name   = "own"
  user   = aws_iam_user.alice.name
  policy = local.policy
}

resource "aws_iam_user_policy_attachment" "look" {
  user       = aws_iam_user.alice.name
  policy_arn = aws_iam_policy.look.arn
}

resource "aws_iam_group" "watchers" {
  name = "watchers"
}

resource "aws_iam_group_policy" "look" {
  name   = "look"
  group  = aws_iam_group.watchers.name
  policy = local.policy
}

resource "aws_iam_group_policy_attachment" "look" {
  group      = aws_iam_group.watchers.name
  policy_arn = aws_iam_policy.look.arn
}

resource "aws_iam_group_membership" "watchers" {
  name  = "watchers"
  group = aws_iam_group.watchers.name
  users = [aws_iam_user.alice.name]
}

resource "aws_iam_role" "ops" {
  name = "ops"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = aws_iam_user.alice.arn } }]
  })
  tags = { team = "web" }
}

resource "aws_iam_role_policy" "own" {
  name   = "own"
  role   = aws_iam_role.ops.id
  policy = local.policy
}

resource "aws_iam_role_policy_attachment" "look" {
  role       = aws_iam_role.ops.name
  policy_arn = aws_iam_policy.look.arn
}

resource "aws_iam_openid_connect_provider" "people" {
  url             = "https://people.example.com"
  client_id_list  = ["ferryman"]
  thumbprint_list = ["0123456789abcdef0123456789abcdef01234567"]
}

resource "aws_ssm_activation" "web" {
  name               = "web"
  iam_role           = aws_iam_role.ops.name
  registration_limit = 20
  tags               = { team = "web" }
}

resource "aws_ssm_document" "greet" {
  name          = "Greet"
  document_type = "Session"
  content = jsonencode({
    schemaVersion = "1.0"
    sessionType   = "InteractiveCommands"
    properties    = { linux = { commands = "echo ${var.action}" } }
  })
}
