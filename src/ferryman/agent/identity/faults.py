"""Why a node's identity cannot be used."""


class StateUnusable(Exception):
    """The state directory is incomplete or cannot be used; the text says what to do."""


class Deregistered(Exception):
    """The server no longer knows this node."""
