"""The values that all packages share: ids, enums, entities, service errors, secrets, times and text made safe to show.

Standard library only. Knows no protocol, no store and no clock; does no I/O and makes no randomness of its own.
"""
