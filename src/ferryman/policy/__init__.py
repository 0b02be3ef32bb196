"""The IAM policy language. Pure."""
