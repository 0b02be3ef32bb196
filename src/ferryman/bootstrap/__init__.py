"""Builds a running server from its configuration: reads files and keys, picks adapters, opens and closes services.

The one place that knows both the configuration and the adapters (store, audit trail, bus, sinks). It knows nothing of
command lines: `cli` calls it, and it raises `Failure` for people to read.
"""
