"""A person's end of a session: the `session-manager-plugin` command, its arguments, signals, exit status and messages.

What the AWS CLI's users see (`texts.py`) is spelled as AWS's client spells it, byte for byte. Imports little before the
connection is under way: no botocore, Typer or Rich. Must not import `library`.
"""
