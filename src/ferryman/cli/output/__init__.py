"""The output of commands: listings as tables and data, messages, and lines that are redrawn."""
