"""Bytes to frozen values and back: agent messages and their payloads. No I/O."""
