"""Keys of recordings: a KMS elsewhere, and wrapping data keys again when keys change."""
