"""Commands for people who use nodes: shell, run, forward, cp, ssh-config, login, logout and credentials.

They know `client`; they must not read the server's configuration or open its store.
"""
