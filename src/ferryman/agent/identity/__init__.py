"""The node's identity: its registration, key and credentials, and the server that it trusts."""
