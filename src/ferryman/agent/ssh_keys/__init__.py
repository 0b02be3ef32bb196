"""ssh_keys."""
