"""A separate process for work on documents that others wrote: bounded in time, memory and stack, replaced when it ends.

Knows `core.document_tasks`; has no store, no secret and no network.
"""
