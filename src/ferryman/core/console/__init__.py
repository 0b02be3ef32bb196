"""The web console's own use cases: signing a browser in, by an access key or a link, and what its cookie stands for.

Everything else that the console does is an operation of the API. Knows no HTTP: `server.console` does.
"""
