"""Makes this machine run the server or the agent as a systemd service, and undoes it: a list of steps, each repeatable.

Knows accounts, directories and units; nothing of configuration files, keys or the network. `units/` has the templates.
"""
