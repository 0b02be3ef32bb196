"""Where the blocks of recordings are kept: a directory, or a bucket of S3."""
