"""Just-in-time access: requests for access to nodes, their approval, expiry and end.

Knows documents' approval policies and identities. Does not know how a session runs: `core.sessions.access` ties
sessions to requests.
"""
