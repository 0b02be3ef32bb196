"""Copies of the audit trail elsewhere: a webhook, an S3 bucket, standard output. Each follows the trail's files."""
