"""The node agent: registration, credentials, the control channel, and the processes that run sessions.

It knows the operating system and the agent's side of the protocol. It must not know the server: everything it learns
comes over its channels and API calls.
"""
