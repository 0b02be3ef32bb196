"""KMS keys, aliases and grants in SQL."""
