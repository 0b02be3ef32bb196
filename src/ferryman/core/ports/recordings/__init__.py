"""What the use cases need of recordings: to make, keep, read and search them, and to send copies elsewhere."""
