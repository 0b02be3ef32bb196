"""How long a client tries to reconnect."""

DEFAULT_RECONNECT_SECONDS = 300.0
