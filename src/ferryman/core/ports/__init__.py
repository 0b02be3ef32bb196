"""The ports: what the use cases need of a store, a bus, an audit trail, a clock.

Protocols and their values only. Every adapter passes the contract suite of its port in `tests/contract/`.
"""
