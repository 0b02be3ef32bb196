"""The entry point of the `session-manager-plugin` command."""

from ferryman.plugin.main import main

__all__ = ["main"]
