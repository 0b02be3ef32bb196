"""The bus over NATS: servers that share one reach each other's nodes and sessions.

Core NATS only: nothing is stored, and "no responders" answers immediately for what no server has.
"""
