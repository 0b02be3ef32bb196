"""The ferryman command and the session-manager-plugin entry point: reads configuration, composes processes."""
