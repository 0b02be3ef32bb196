"""The client: the session-manager-plugin argument contract, the terminal, the session."""
