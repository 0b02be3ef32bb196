"""Maintenance of the whole store: deleting expired rows, and sealing secrets under a new key."""
