"""Opens just-in-time access as the configuration says."""
