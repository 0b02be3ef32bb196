"""The entry point of the `session-manager-plugin` command."""

from ferryman.client.plugin.main import main

__all__ = ["main"]
