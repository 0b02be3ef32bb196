"""The audit trail on disk: written as a chain of authenticated records, read, verified, deleted by age, and copied.

Implements `core`'s ports `AuditTrail` and `Notices`. Knows files and chains, not what a record says: `core.audit` makes
the records.
"""
