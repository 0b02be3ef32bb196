"""The client: sessions, port forwards, copies and sign-in, for people and for Python programs.

Layers, each importing only those below it (an import-linter contract holds this): `api` (the public Python API),
`transfer` (copies), `plugin` (a person's terminal) and `library` (sessions inside a program), `session` (one running
session) and `login` (sign-in), `calls` (the server's API). Errors are values or typed exceptions below; messages for
people are written in `plugin` and `library`. Must not import the server, the agent, Typer or Rich.
"""
