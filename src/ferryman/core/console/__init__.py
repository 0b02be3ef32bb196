"""The web console's own use cases: signing a browser in by an access key, a link or a provider, and the session behind
its cookie.

Everything else that the console does is an operation of the API. Knows no HTTP: `server.console` does.
"""
