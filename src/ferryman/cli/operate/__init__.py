"""Commands for whoever runs a server or an agent: init, server, agent, user, key, certificate and audit.

They run on that machine, on its files and its store, through `bootstrap` and `agent`; they make no API calls.
"""
