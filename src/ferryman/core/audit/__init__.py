"""Audit records: what each contains, what is redacted, and the chain that makes tampering evident.

Knows the shape of records and whether a call may proceed without one. Does not know where records are stored: an
adapter of `core.ports.audit` writes them.
"""
