"""The server's keys and certificates on disk: making, reading, renewing and watching them."""
