"""A server's metrics in Prometheus's format, on an address of their own."""
