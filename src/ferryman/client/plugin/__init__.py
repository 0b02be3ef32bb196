"""A person's end of a session: the `session-manager-plugin` command, its arguments, signals, exit status and messages.

Messages that AWS's client has, too (`texts.py`) are the same as AWS's, byte for byte. Imports little before the
connection is under way: no botocore, Typer or Rich. Must not import `library`.
"""
