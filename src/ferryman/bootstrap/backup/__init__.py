"""Backups of a whole server in one encrypted file: configuration, keys, database, certificate and audit trail.

`sealed_file` is the file's format, `contents` what belongs into it, `making` and `restoring` the two directions.
"""
