"""The `ferryman` command and the `session-manager-plugin` entry point: arguments, help, output and exit codes.

This is the only package that knows Typer and Rich. A command parses its options, calls `bootstrap` (on the server's
machine), `client` (to call a server) or `agent`, and prints the result. It must not decide anything about sessions,
nodes or users: those rules are below.
"""
