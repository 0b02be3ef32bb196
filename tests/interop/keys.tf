# Keys of KMS. `action` of resources.tf is what changes here, too.

locals {
  is_changed = var.action != "ssm:DescribeSessions"
}

resource "aws_kms_key" "recordings" {
  description             = var.action
  enable_key_rotation     = !local.is_changed
  rotation_period_in_days = local.is_changed ? null : 90
  is_enabled              = !local.is_changed
  tags                    = { team = local.is_changed ? "db" : "web" }
}

resource "aws_kms_key" "sessions" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "Account"
        Effect    = "Allow"
        Action    = "kms:*"
        Resource  = "*"
        Principal = { AWS = "arn:aws:iam::111122223333:root" }
      }],
      local.is_changed ? [] : [{
        Sid       = "Alice"
        Effect    = "Allow"
        Action    = ["kms:GenerateDataKey", "kms:DescribeKey"]
        Resource  = "*"
        Principal = { AWS = [aws_iam_user.alice.arn] }
        Condition = { StringLike = { "kms:EncryptionContext:aws:ssm:SessionId" = "*" } }
      }],
    )
  })
}

resource "aws_kms_alias" "recordings" {
  name          = "alias/recordings"
  target_key_id = local.is_changed ? aws_kms_key.sessions.arn : aws_kms_key.recordings.arn
}

resource "aws_kms_alias" "sessions" {
  name_prefix   = "alias/sessions-"
  target_key_id = aws_kms_key.sessions.key_id
}

resource "aws_kms_grant" "alice" {
  name              = "alice"
  key_id            = aws_kms_key.sessions.key_id
  grantee_principal = aws_iam_user.alice.arn
  operations        = local.is_changed ? ["Decrypt"] : ["Encrypt", "Decrypt", "GenerateDataKey"]
  constraints {
    encryption_context_equals = { team = "web" }
  }
}

resource "aws_kms_grant" "ops" {
  key_id             = aws_kms_key.sessions.arn
  grantee_principal  = aws_iam_role.ops.arn
  retiring_principal = aws_iam_user.alice.arn
  retire_on_delete   = true
  operations         = ["DescribeKey", "RetireGrant"]
}

resource "aws_kms_grant" "subset" {
  key_id            = aws_kms_key.sessions.key_id
  grantee_principal = aws_iam_user.alice.arn
  operations        = ["Decrypt"]
  constraints {
    encryption_context_subset = { team = local.is_changed ? "db" : "web" }
  }
}
