"""Adapters of the bus port: in process now."""
