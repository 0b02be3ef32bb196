"""What a server counts of itself, in Prometheus's format, on an address of its own."""
