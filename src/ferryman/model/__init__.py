"""Ids, enums, entities, service errors and secrets. Standard library only; no I/O, no clock, no randomness."""
